#include "bf16.h"

#include <oneapi/dnnl/dnnl.hpp>

#include "simd.h"

namespace eqv::cpu {

namespace {

bool has(dnnl::cpu_isa isa) {
  const auto bits = static_cast<uint32_t>(isa);
  return (static_cast<uint32_t>(dnnl::get_effective_cpu_isa()) & bits) == bits;
}

// The bits of the nearest bf16 in the upper half; the lower half is not cleared.
EQV_INLINE uint32_t rounded(float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x);
  const uint32_t nearest = bits + 0x7fffu + (bits >> 16 & 1u);
  return x != x ? bits | 0x400000u : nearest;
}

EQV_SIMD void round_row(const float* x, int64_t n, uint16_t* to) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) to[i] = static_cast<uint16_t>(rounded(x[i]) >> 16);
}

EQV_SIMD void round_row(const float* x, int64_t n, float* to) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) to[i] = __builtin_bit_cast(float, rounded(x[i]) & 0xffff0000u);
}

}  // namespace

bool multiplies_bf16() {
  static const bool native = has(dnnl::cpu_isa::avx512_core_bf16);
  return native;
}

const char* bf16_unit() {
  if (has(dnnl::cpu_isa::avx512_core_amx)) return "AMX";
  return multiplies_bf16() ? "AVX-512" : "emulation, slower than fp32";
}

void round_to_bf16(const float* x, int64_t pitch, int64_t rows, int64_t n, uint16_t* to, int64_t to_pitch) {
  for (int64_t r = 0; r < rows; ++r) round_row(x + r * pitch, n, to + r * to_pitch);
}

void round_to_bf16(const float* x, int64_t pitch, int64_t rows, int64_t n, float* to, int64_t to_pitch) {
  for (int64_t r = 0; r < rows; ++r) round_row(x + r * pitch, n, to + r * to_pitch);
}

}  // namespace eqv::cpu
