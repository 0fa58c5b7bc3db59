// silu(a)·b of the two halves of a row.
#include "activation/activation.h"
#include "common/values.h"

namespace eqv::backend {

using namespace gpu;

namespace {

template <int kWide>
__global__ void __launch_bounds__(kThreads) unit_kernel(int64_t n, int64_t half, Values x, Values y) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x * kWide;
  for (int64_t i = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kWide; i < n; i += step) {
    const int64_t at = i + i / half * half;  // row·2·half + place
    float a[kWide], b[kWide];
    x.load(at, a);
    x.load(at + half, b);
    for (int k = 0; k < kWide; ++k) a[k] = silu(a[k]) * b[k];
    y.store(i, a);
  }
}

template <int kWide>
__global__ void __launch_bounds__(kThreads) unit_gradient_kernel(int64_t n, int64_t half, Values dy, Values x, Values dx) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x * kWide;
  for (int64_t i = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kWide; i < n; i += step) {
    const int64_t at = i + i / half * half;
    float a[kWide], b[kWide], d[kWide];
    x.load(at, a);
    x.load(at + half, b);
    dy.load(i, d);
    for (int k = 0; k < kWide; ++k) {
      b[k] *= d[k] * silu_slope(a[k]);
      a[k] = d[k] * silu(a[k]);
    }
    dx.store(at, b);
    dx.store(at + half, a);
  }
}

dim3 grid_of(const Stream& stream, int64_t n, bool vectors) {
  return dim3(static_cast<unsigned>(std::min(ceil_div(n, vectors ? kThreads * kVector : kThreads), wave(stream))));
}

}  // namespace

void gated_unit_fwd(Stream& stream, const Tensor& x, const Tensor& y) {
  const int64_t half = channels_of(y), n = elements(y);
  const bool vectors = in_vectors(half, {&x, &y});
  launch(stream, "gated_unit_fwd", grid_of(stream, n, vectors), dim3(kThreads), 0,
         vectors ? unit_kernel<kVector> : unit_kernel<1>, n, half, values(x), values(y));
}

void gated_unit_bwd(Stream& stream, const Tensor& dy, const Tensor& x, const Tensor& dx) {
  const int64_t half = channels_of(dy), n = elements(dy);
  const bool vectors = in_vectors(half, {&dy, &x, &dx});
  launch(stream, "gated_unit_bwd", grid_of(stream, n, vectors), dim3(kThreads), 0,
         vectors ? unit_gradient_kernel<kVector> : unit_gradient_kernel<1>, n, half, values(dy), values(x), values(dx));
}

}  // namespace eqv::backend
