// Activations, with PyTorch's gradients at 0 and its treatment of NaN.
#include "activation.h"

#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

EQV_SIMD void silu(const float* x, int64_t n, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = silu32(x[i]);
}

EQV_SIMD void silu_gradient(const float* dy, const float* x, int64_t n, float* dx) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) dx[i] = dy[i] * silu_slope32(x[i]);
}

EQV_SIMD void relu(const float* x, int64_t n, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] <= 0.0f ? 0.0f : x[i];
}

EQV_SIMD void relu_gradient(const float* dy, const float* x, int64_t n, float* dx) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) dx[i] = x[i] <= 0.0f ? 0.0f : dy[i];
}

EQV_SIMD void leaky_relu(const float* x, int64_t n, float slope, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] > 0.0f ? x[i] : x[i] * slope;
}

EQV_SIMD void leaky_relu_gradient(const float* dy, const float* x, int64_t n, float slope, float* dx) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) dx[i] = x[i] > 0.0f ? dy[i] : dy[i] * slope;
}

EQV_SIMD void gelu_tanh(const float* x, int64_t n, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = gelu_tanh32(x[i]);
}

EQV_SIMD void gelu_tanh_gradient(const float* dy, const float* x, int64_t n, float* dx) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) dx[i] = dy[i] * gelu_tanh_slope32(x[i]);
}

EQV_SIMD void gelu(const float* x, int64_t n, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = gelu32(x[i]);
}

EQV_SIMD void gelu_gradient(const float* dy, const float* x, int64_t n, float* dx) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) dx[i] = dy[i] * gelu_slope32(x[i]);
}

}  // namespace

void activation_fwd(Stream& stream, const eqv_activation_params& p, const Tensor& x, const Tensor& y) {
  parallel_elements(stream, elements(x), [&](int64_t begin, int64_t end) {
    activate(p, f32(x) + begin, end - begin, f32(y) + begin);
  });
}

void activation_bwd(Stream& stream, const eqv_activation_params& p, const Tensor& dy, const Tensor& x,
                    const Tensor& dx) {
  parallel_elements(stream, elements(x), [&](int64_t begin, int64_t end) {
    const float *d = f32(dy) + begin, *in = f32(x) + begin;
    float* out = f32(dx) + begin;
    switch (p.kind) {
      case EQV_SILU: return silu_gradient(d, in, end - begin, out);
      case EQV_RELU: return relu_gradient(d, in, end - begin, out);
      case EQV_GELU_TANH: return gelu_tanh_gradient(d, in, end - begin, out);
      case EQV_GELU: return gelu_gradient(d, in, end - begin, out);
      default: return leaky_relu_gradient(d, in, end - begin, p.slope, out);
    }
  });
}

}  // namespace eqv::backend

void eqv::cpu::activate(const eqv_activation_params& p, const float* x, int64_t n, float* y) {
  switch (p.kind) {
    case EQV_SILU: return backend::silu(x, n, y);
    case EQV_RELU: return backend::relu(x, n, y);
    case EQV_GELU_TANH: return backend::gelu_tanh(x, n, y);
    case EQV_GELU: return backend::gelu(x, n, y);
    default: return backend::leaky_relu(x, n, p.slope, y);
  }
}
