// Two neighbouring values, which are loaded, stored and converted together.
#pragma once

#include <type_traits>

#include "common/device.h"
#include "common/dtype.h"

namespace eqv::gpu {

// Two values rounded to nearest even, as neighbours in memory.
__device__ inline uint32_t pack(float first, float second) {
#if defined(__CUDA_ARCH__)
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  return pair;
#else
  return dtype::narrow<dtype::Bf16>(first).bits | static_cast<uint32_t>(dtype::narrow<dtype::Bf16>(second).bits) << 16;
#endif
}

__device__ inline float lower(uint32_t pair) { return dtype::widen(dtype::Bf16{static_cast<uint16_t>(pair)}); }
__device__ inline float upper(uint32_t pair) { return dtype::widen(dtype::Bf16{static_cast<uint16_t>(pair >> 16)}); }

// `to` is a multiple of 4 bytes.
__device__ inline void store_pair(dtype::Bf16* to, float first, float second) {
  *reinterpret_cast<uint32_t*>(to) = pack(first, second);
}

// `from` is a multiple of 4 bytes.
__device__ inline void load_pair(const dtype::Bf16* from, float (&two)[2]) {
  const uint32_t pair = *reinterpret_cast<const uint32_t*>(from);
  two[0] = lower(pair), two[1] = upper(pair);
}

// The same of fp32: `to` and `from` are multiples of 8 bytes.
struct alignas(8) TwoFloats {
  float first, second;
};
__device__ inline void store_pair(float* to, float first, float second) {
  *reinterpret_cast<TwoFloats*>(to) = {first, second};
}
__device__ inline void load_pair(const float* from, float (&two)[2]) {
  const TwoFloats pair = *reinterpret_cast<const TwoFloats*>(from);
  two[0] = pair.first, two[1] = pair.second;
}

// The value as it is stored in this type: bf16 rounds to nearest even.
template <class T>
__device__ float rounded_to(float value) {
  if constexpr (std::is_same_v<T, dtype::Bf16>) return lower(pack(value, 0.0f));
  else return value;
}

// The values of 16 bytes at once; `to` and `from` are multiples of 16 bytes.
struct alignas(16) FourPairs {
  uint32_t pairs[4];
};
struct alignas(16) FourFloats {
  float values[4];
};
__device__ inline void store_vector(dtype::Bf16* to, const float (&v)[8]) {
  *reinterpret_cast<FourPairs*>(to) = {{pack(v[0], v[1]), pack(v[2], v[3]), pack(v[4], v[5]), pack(v[6], v[7])}};
}
__device__ inline void store_vector(float* to, const float (&v)[4]) {
  *reinterpret_cast<FourFloats*>(to) = {{v[0], v[1], v[2], v[3]}};
}
__device__ inline void load_vector(const dtype::Bf16* from, float (&v)[8]) {
  const FourPairs four = *reinterpret_cast<const FourPairs*>(from);
#pragma unroll
  for (int i = 0; i < 4; ++i) v[2 * i] = lower(four.pairs[i]), v[2 * i + 1] = upper(four.pairs[i]);
}
__device__ inline void load_vector(const float* from, float (&v)[4]) {
  const FourFloats four = *reinterpret_cast<const FourFloats*>(from);
#pragma unroll
  for (int i = 0; i < 4; ++i) v[i] = four.values[i];
}

}  // namespace eqv::gpu
