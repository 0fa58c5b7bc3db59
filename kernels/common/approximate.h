// Approximations that a GPU computes in one instruction each: ex2.approx and rcp.approx (PTX ISA), with relative errors of at
// most 2⁻²² and 2⁻²³. Under the shim they are exact to rounding, so their last bits differ from those of a GPU.
#pragma once

#include "common/device.h"

namespace eqv::gpu {

__device__ inline float approximate_exp2(float x) {
#if defined(__CUDA_ARCH__)
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return exp2f(x);
#endif
}

__device__ inline float approximate_reciprocal(float x) {
#if defined(__CUDA_ARCH__)
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return 1.0f / x;
#endif
}

}  // namespace eqv::gpu
