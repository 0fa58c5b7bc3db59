// Every kernel includes this. nvcc compiles the same source for a GPU, and g++ for the shim (native/simt); only code in this
// folder depends on which one it is.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "check.h"
#include "workspace.h"

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#else
#include "simt/simt.h"
#endif

// A lambda that runs in a kernel.
#define EQV_LAMBDA [=] __device__

namespace eqv::gpu {

using Workspace = AlignedWorkspace<256>;

constexpr int kThreads = 256;
constexpr unsigned kAllLanes = 0xffffffffu;

// Whether this stream multiplies matrices of such tensors on tensor cores.
inline bool on_tensor_cores(const Stream& stream, const Tensor& t) { return t.dtype == EQV_BF16 || stream.tf32; }

inline float* f32(const Tensor& t) { return static_cast<float*>(t.data); }
inline float* f32(const Tensor* t) { return t ? f32(*t) : nullptr; }

// The block's dynamic shared memory as a T; launch with sizeof(T) bytes.
template <class T>
__device__ T& shared_memory() {
#if defined(__CUDACC__)
  extern __shared__ __align__(1024) unsigned char bytes[];
  return *reinterpret_cast<T*>(bytes);
#else
  return *static_cast<T*>(simt::shared());
#endif
}

// Blocks for elementwise work: enough to fill the device. Each thread then strides through the data by the grid's size.
int64_t wave(const Stream& stream);

// More dynamic shared memory than this must be allowed for a kernel before its launch.
constexpr size_t kSharedByDefault = 48 << 10;
void allow_shared(const void* kernel, size_t bytes);

// Throws the runtime's error of the last launch, if there was one.
void check_launch(const char* kernel);

inline void launched([[maybe_unused]] Stream& stream, const char* kernel) {
  check_launch(kernel);
#if !defined(EQV_PLANS)
  end_kernel(stream);
#endif
}

template <class Kernel, class... Arguments>
void launch([[maybe_unused]] Stream& stream, [[maybe_unused]] const char* name, [[maybe_unused]] dim3 grid,
            [[maybe_unused]] dim3 block, [[maybe_unused]] size_t shared_bytes, [[maybe_unused]] Kernel kernel,
            [[maybe_unused]] Arguments... arguments) {
#if defined(EQV_PLANS)
  planned(stream, name, 1, grid, block, shared_bytes);  // native/null: only sizes are computed, nothing runs
#elif defined(__CUDACC__)
  if (shared_bytes > kSharedByDefault) allow_shared(reinterpret_cast<const void*>(kernel), shared_bytes);
  begin_kernel(stream, name);
  kernel<<<grid, block, shared_bytes, static_cast<cudaStream_t>(stream.native)>>>(arguments...);
#else
  begin_kernel(stream, name);
  simt::submit(stream.native, [=, threads = stream.device->threads] {
    simt::launch(grid, 1, block, shared_bytes, threads, [&] { kernel(arguments...); });
  });
#endif
  launched(stream, name);
}

// The same in clusters of `cluster` blocks along x, which reach each other's shared memory (sm_90 and newer); grid.x is a
// multiple of `cluster`.
template <class Kernel, class... Arguments>
void launch_clusters([[maybe_unused]] Stream& stream, [[maybe_unused]] const char* name, [[maybe_unused]] unsigned cluster,
                     [[maybe_unused]] dim3 grid, [[maybe_unused]] dim3 block, [[maybe_unused]] size_t shared_bytes,
                     [[maybe_unused]] Kernel kernel, [[maybe_unused]] Arguments... arguments) {
#if defined(EQV_PLANS)
  planned(stream, name, cluster, grid, block, shared_bytes);
#elif defined(__CUDACC__)
  if (shared_bytes > kSharedByDefault) allow_shared(reinterpret_cast<const void*>(kernel), shared_bytes);
  begin_kernel(stream, name);
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim.x = cluster;
  attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = static_cast<cudaStream_t>(stream.native);
  config.attrs = &attribute;
  config.numAttrs = 1;
  cudaLaunchKernelEx(&config, kernel, arguments...);
#else
  begin_kernel(stream, name);
  simt::submit(stream.native, [=, threads = stream.device->threads] {
    simt::launch(grid, cluster, block, shared_bytes, threads, [&] { kernel(arguments...); });
  });
#endif
  launched(stream, name);
}

// A check that only the shim makes, on the host, in the order of the stream and of its graphs: f may throw.
template <class F>
void on_shim([[maybe_unused]] Stream& stream, [[maybe_unused]] F f) {
#if !defined(EQV_PLANS) && !defined(__CUDACC__)
  simt::submit(stream.native, f);
#endif
}

template <class F>
__global__ void __launch_bounds__(kThreads) each_kernel(int64_t n, F f) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) f(i);
}

// f(i) for every i below n, in no order.
template <class F>
void for_each(Stream& stream, const char* name, int64_t n, F f) {
  if (n <= 0) return;
  const auto blocks = static_cast<unsigned>(std::min(ceil_div(n, kThreads), wave(stream)));
  launch(stream, name, dim3(blocks), dim3(kThreads), 0, each_kernel<F>, n, f);
}

}  // namespace eqv::gpu
