// Functions that kernels and the CPU backend share.
#pragma once

#include <cmath>
#include <cstdint>

#if defined(__CUDACC__)
#define EQV_HOST_DEVICE __host__ __device__
#else
#define EQV_HOST_DEVICE
#endif

namespace eqv {

EQV_HOST_DEVICE inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Sine and cosine of so many full turns, in [0, 1). (A GPU's sin and cos of radians keep a table for large arguments on
// the stack.)
EQV_HOST_DEVICE inline void sine_cosine_of_turns(double turns, double& sine, double& cosine) {
#if defined(__CUDA_ARCH__)
  sincospi(2 * turns, &sine, &cosine);
#else
  const double angle = 6.283185307179586476925286766559 * turns;
  sine = std::sin(angle);
  cosine = std::cos(angle);
#endif
}

}  // namespace eqv
