// bf16 and fp16 as bits, and conversions with rounding to nearest even; NaN stays NaN.
#pragma once

#include <cstdint>
#include <type_traits>

#include "common/host_device.h"

namespace eqv::dtype {

struct Bf16 {
  uint16_t bits;
};
struct F16 {
  uint16_t bits;
};

EQV_HOST_DEVICE inline float widen(float v) { return v; }
EQV_HOST_DEVICE inline float widen(Bf16 v) { return __builtin_bit_cast(float, static_cast<uint32_t>(v.bits) << 16); }

EQV_HOST_DEVICE inline float widen(F16 v) {
  const uint32_t sign = static_cast<uint32_t>(v.bits & 0x8000u) << 16, magnitude = v.bits & 0x7fffu;
  if (magnitude >= 0x7c00u)  // infinity, NaN
    return __builtin_bit_cast(float, sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  if (magnitude < 0x400u) {  // zero, subnormal: an integer times 2^-24
    const float value = static_cast<float>(magnitude) * 0x1p-24f;
    return sign ? -value : value;
  }
  return __builtin_bit_cast(float, sign | ((magnitude << 13) + (112u << 23)));
}

template <class To>
EQV_HOST_DEVICE To narrow(float v);
template <>
EQV_HOST_DEVICE inline float narrow<float>(float v) {
  return v;
}
template <>
EQV_HOST_DEVICE inline double narrow<double>(float v) {
  return v;
}
template <>
EQV_HOST_DEVICE inline Bf16 narrow<Bf16>(float v) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, v);
  if (v != v) return {static_cast<uint16_t>((bits >> 16) | 0x40u)};  // stays NaN
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}
template <>
EQV_HOST_DEVICE inline F16 narrow<F16>(float v) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, v);
  const uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  } else if (magnitude >= 0x47800000u) {  // 65536 and more
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // below 2^-14: adding 1/2 rounds to multiples of 2^-24
    half = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, magnitude) + 0.5f) - 0x3f000000u;
  } else {
    half = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  }
  return {static_cast<uint16_t>(sign | half)};
}

template <class From, class To>
EQV_HOST_DEVICE To convert(From v) {
  if constexpr (std::is_same_v<From, To>) {
    return v;
  } else if constexpr (std::is_same_v<From, double>) {
    return narrow<To>(static_cast<float>(v));
  } else {
    return narrow<To>(widen(v));
  }
}

}  // namespace eqv::dtype
