// Activations in fp32 for kernels, with PyTorch's gradients at 0 and its treatment of NaN.
#pragma once

#include "common/device.h"

namespace eqv::gpu {

__device__ inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

__device__ inline float silu(float x) {
  // −∞ gives −∞ / ∞ otherwise; the limit is 0 and is reached far above.
  return x < -104.0f ? -0.0f : x * sigmoid(x);
}

__device__ inline float silu_slope(float x) {
  if (x < -104.0f) return 0.0f;
  if (x > 104.0f) return 1.0f;
  const float s = sigmoid(x);
  return s * (1.0f + x * (1.0f - s));
}

}  // namespace eqv::gpu
