// out[i] = f(a[i], b[i]), element by element: 8 at a time where alignment allows, the remaining ones one by one.
#pragma once

#include "common/values.h"

namespace eqv::gpu {

// The inputs: up to two tensors of the result's size, each of which may be the result itself.
template <int kCount>
struct Sources {
  Values of[kCount > 0 ? kCount : 1];
};

template <int kWide, int kCount, class F>
__device__ void map_from(int64_t i, const Sources<kCount>& in, Values out, const F& f) {
  float v[kCount > 0 ? kCount : 1][kWide], result[kWide];
  for (int k = 0; k < kCount; ++k) in.of[k].load(i, v[k]);
  for (int j = 0; j < kWide; ++j) {
    if constexpr (kCount == 0) result[j] = f();
    else if constexpr (kCount == 1) result[j] = f(v[0][j]);
    else result[j] = f(v[0][j], v[1][j]);
  }
  out.store(i, result);
}

template <int kWide, int kCount, class F>
__global__ void __launch_bounds__(kThreads) map_kernel(int64_t n, Sources<kCount> in, Values out, F f) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x, whole = n / kWide;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  for (int64_t i = first; i < whole; i += step) map_from<kWide>(i * kWide, in, out, f);
  if (first < n % kWide) map_from<1>(whole * kWide + first, in, out, f);
}

template <int kCount, class F>
void map_of(Stream& stream, const char* name, int64_t n, bool vectors, const Sources<kCount>& in, Values out, F f) {
  if (n <= 0) return;
  const int64_t work = vectors ? ceil_div(n, kVector) : n;
  const dim3 grid(static_cast<unsigned>(std::min(ceil_div(work, kThreads), wave(stream))));
  launch(stream, name, grid, dim3(kThreads), 0, vectors ? map_kernel<kVector, kCount, F> : map_kernel<1, kCount, F>, n, in,
         out, f);
}

template <class F>
void map(Stream& stream, const char* name, const Tensor& out, F f) {
  map_of<0>(stream, name, elements(out), in_vectors({&out}), {}, values(out), f);
}
template <class F>
void map(Stream& stream, const char* name, const Tensor& a, const Tensor& out, F f) {
  map_of<1>(stream, name, elements(out), in_vectors({&a, &out}), {{values(a)}}, values(out), f);
}
template <class F>
void map(Stream& stream, const char* name, const Tensor& a, const Tensor& b, const Tensor& out, F f) {
  map_of<2>(stream, name, elements(out), in_vectors({&a, &b, &out}), {{values(a), values(b)}}, values(out), f);
}

}  // namespace eqv::gpu
