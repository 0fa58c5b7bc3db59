// Vectorisation: one library for every x86-64. A function marked EQV_SIMD is compiled for AVX-512, AVX2 and SSE2 and
// the dynamic linker picks one; its loops are written so that the compiler vectorises them. Everything it calls must
// be EQV_INLINE (or a builtin), so that it is compiled for the same instructions.
#pragma once

#include <cmath>
#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#ifdef EQV_WITHOUT_AVX512
#define EQV_SIMD __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define EQV_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
#else
#define EQV_SIMD
#endif
#define EQV_INLINE static inline __attribute__((always_inline))

namespace eqv::cpu {

// e^x for |x| <= 110 or NaN. Error below 1 ulp (measured over every third float); gradual underflow. Reduction
// x = n ln 2 + r with ln 2 in two parts; 1 + r + r^2 q(r) on |r| <= ln(2) / 2 with a minimax q (0.05 ulp); 2^n as a
// product of two powers, so that neither end of the range needs a branch.
EQV_INLINE float exp32_bounded(float x) {
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const float shifted = x * 1.44269504088896341f + magic;
  const float n = shifted - magic;
  const float r = (x - n * 0.693145751953125f) - n * 1.42860682030941723212e-6f;
  float q = 0.00138143f;
  q = q * r + 0.00836886f;
  q = q * r + 0.0416684f;
  q = q * r + 0.16666519f;
  q = q * r + 0.49999993f;
  const float p = ((q * r) * r + r) + 1.0f;
  const int32_t e = __builtin_bit_cast(int32_t, shifted) - __builtin_bit_cast(int32_t, magic);
  const int32_t half = e >> 1;
  const float a = __builtin_bit_cast(float, static_cast<int32_t>(static_cast<uint32_t>(half + 127) << 23));
  const float b = __builtin_bit_cast(float, static_cast<int32_t>(static_cast<uint32_t>(e - half + 127) << 23));
  return (p * a) * b;
}

// e^x for every x: e^inf = inf, e^-inf = 0, NaN stays NaN.
EQV_INLINE float exp32(float x) {
  x = x < -105.0f ? -105.0f : x;
  x = x > 105.0f ? 105.0f : x;
  return exp32_bounded(x);
}

// The same in double, error below 1 ulp (measured).
EQV_INLINE double exp64(double x) {
  x = x < -750.0 ? -750.0 : x;
  x = x > 720.0 ? 720.0 : x;
  const double magic = 6755399441055744.0;  // 1.5 * 2^52
  const double shifted = x * 1.4426950408889634074 + magic;
  const double n = shifted - magic;
  const double r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = (p * r) * r + r;
  p = p + 1.0;
  const int64_t e = __builtin_bit_cast(int64_t, shifted) - __builtin_bit_cast(int64_t, magic);
  // floor(e / 2) without a 64-bit arithmetic shift, which AVX2 lacks
  const int64_t half = static_cast<int64_t>(static_cast<uint64_t>(e + 2048) >> 1) - 1024;
  const double a = __builtin_bit_cast(double, static_cast<int64_t>(static_cast<uint64_t>(half + 1023) << 52));
  const double b = __builtin_bit_cast(double, static_cast<int64_t>(static_cast<uint64_t>(e - half + 1023) << 52));
  return (p * a) * b;
}

// x sigmoid(x) and its derivative. Beyond +-104 both have reached their limits in fp32: the clamps change no finite
// result, and they give infinities their limits.
EQV_INLINE float silu32(float x) {
  x = x < -104.0f ? -104.0f : x;
  return x / (1.0f + exp32_bounded(-(x > 104.0f ? 104.0f : x)));
}

EQV_INLINE float silu_slope32(float x) {
  x = x < -104.0f ? -104.0f : x;
  x = x > 104.0f ? 104.0f : x;
  const float s = 1.0f / (1.0f + exp32_bounded(-x));
  return s * (1.0f + x * (1.0f - s));
}

// ½x(1 + tanh w), w = √(2/π)(x + 0.044715x³), as x σ(2w); its limits are reached far below the clamps.
EQV_INLINE float gelu_tanh_sigmoid32(float x) {
  const float w = 1.5957691216057308f * (x + 0.044715f * x * x * x);
  return 1.0f / (1.0f + exp32(-w));
}

EQV_INLINE float gelu_tanh32(float x) {
  // Here the result is 0 or x; the clamp gives −∞ its limit.
  const float bounded = x < -12.0f ? -12.0f : x;
  return bounded * gelu_tanh_sigmoid32(bounded > 12.0f ? 12.0f : bounded);
}

EQV_INLINE float gelu_tanh_slope32(float x) {
  x = x < -12.0f ? -12.0f : x;
  x = x > 12.0f ? 12.0f : x;
  const float s = gelu_tanh_sigmoid32(x);
  return s + x * s * (1.0f - s) * (1.5957691216057308f * (1.0f + 0.134145f * x * x));
}

// Φ(x), the normal distribution function, for |x| ≤ 14.5 or NaN. Φ(−|x|) = ½e^(−z²)·g(z), z = |x|/√2; g (erfcx) is
// t·polynomial(t), t = 1/(1 + 0.3z), fitted by us to 2e-8 of itself for z ≤ 10.5. Error below 6u of Φ(−|x|), beside that of z².
EQV_INLINE float normal_distribution32(float x) {
  const float z = 0.70710678f * __builtin_fabsf(x);
  const float t = 1.0f / (1.0f + 0.3f * z);
  float g = -0.129554103f;
  g = g * t + 0.485727046f;
  g = g * t - 0.512646926f;
  g = g * t + 0.548184261f;
  g = g * t - 0.0950074663f;
  g = g * t + 0.215097175f;
  g = g * t + 0.148289217f;
  g = g * t + 0.170723329f;
  g = g * t + 0.169187447f;
  const float tail = 0.5f * exp32(-0.5f * x * x) * (g * t);
  return x > 0.0f ? 1.0f - tail : tail;
}

EQV_INLINE float gelu32(float x) {
  const float bounded = x < -14.5f ? -14.5f : x;
  return bounded * normal_distribution32(bounded > 14.5f ? 14.5f : bounded);
}

EQV_INLINE float gelu_slope32(float x) {
  x = x < -14.5f ? -14.5f : x;
  x = x > 14.5f ? 14.5f : x;
  return normal_distribution32(x) + x * (0.39894228f * exp32(-0.5f * x * x));
}

}  // namespace eqv::cpu
