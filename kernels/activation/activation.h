// Activations in fp32 for kernels, with PyTorch's gradients at 0 and its treatment of NaN.
#pragma once

#include "common/approximate.h"
#include "common/pairs.h"

namespace eqv::gpu {

__device__ inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

__device__ inline float silu(float x) {
  // Without this, −∞ would give −∞ / ∞. The limit is 0; in fp32 the result is 0 long before x reaches −∞.
  return x < -104.0f ? -0.0f : x * sigmoid(x);
}

__device__ inline float silu_slope(float x) {
  if (x < -104.0f) return 0.0f;
  if (x > 104.0f) return 1.0f;
  const float s = sigmoid(x);
  return s * (1.0f + x * (1.0f - s));
}

// SiLU and its slope where they follow a sum or a norm, whose errors are larger: without branches, divisions and a range
// reduction. docs/numerics.md derives their errors, which are at most 6u·|x| and 8u·(1 + |x|). At ±∞ they have their limits, and
// NaN stays NaN.
__device__ inline float quick_sigmoid(float x) { return approximate_reciprocal(1.0f + approximate_exp2(-1.44269504f * x)); }
__device__ inline float quick_silu(float x) { return fmaxf(x, -104.0f) * quick_sigmoid(x); }
__device__ inline float quick_silu_slope(float x) {
  const float s = quick_sigmoid(x);
  return s * (1.0f + fminf(fmaxf(x, -104.0f), 104.0f) * (1.0f - s));
}

// ½x(1 + tanh w), w = √(2/π)(x + 0.044715x³), as x·σ(2w): this subtracts no numbers near 1. Beyond ±12 it has its limits.
__device__ inline float gelu_tanh_sigmoid(float x) {
  return sigmoid(1.5957691216057308f * (x + 0.044715f * x * x * x));
}

__device__ inline float gelu_tanh(float x) {
  if (x < -12.0f) return -0.0f;
  return x > 12.0f ? x : x * gelu_tanh_sigmoid(x);
}

__device__ inline float gelu_tanh_slope(float x) {
  if (x < -12.0f) return 0.0f;
  if (x > 12.0f) return 1.0f;
  const float s = gelu_tanh_sigmoid(x);
  return s + x * s * (1.0f - s) * (1.5957691216057308f * (1.0f + 0.134145f * x * x));
}

// x·Φ(x)
__device__ inline float gelu(float x) { return x < -14.5f ? -0.0f : x * (0.5f * erfcf(-0.70710678f * x)); }

__device__ inline float gelu_slope(float x) {
  if (x < -14.5f) return 0.0f;
  if (x > 14.5f) return 1.0f;
  return 0.5f * erfcf(-0.70710678f * x) + x * (0.39894228f * expf(-0.5f * x * x));
}

__device__ inline float activate(int32_t kind, float slope, float x) {
  switch (kind) {
    case EQV_IDENTITY: return x;
    case EQV_SILU: return silu(x);
    case EQV_RELU: return x <= 0.0f ? 0.0f : x;
    case EQV_GELU_TANH: return gelu_tanh(x);
    case EQV_GELU: return gelu(x);
    default: return x > 0.0f ? x : x * slope;
  }
}

// The 16 bytes of values at `from`, activated, at `to`; both are multiples of 16 bytes, and may be the same. One branch for all of
// the values: a product's epilogue has no time for one each.
template <class T>
__device__ void activate_vector(int32_t kind, float slope, const T* from, T* to) {
  float v[16 / sizeof(T)];
  load_vector(from, v);
  const auto each = [&v](auto f) {
#pragma unroll
    for (float& value : v) value = f(value);
  };
  switch (kind) {
    case EQV_SILU: each([](float x) { return silu(x); }); break;
    case EQV_RELU: each([](float x) { return x <= 0.0f ? 0.0f : x; }); break;
    case EQV_GELU_TANH: each([](float x) { return gelu_tanh(x); }); break;
    case EQV_GELU: each([](float x) { return gelu(x); }); break;
    default: each([slope](float x) { return x > 0.0f ? x : x * slope; });
  }
  store_vector(to, v);
}

}  // namespace eqv::gpu
