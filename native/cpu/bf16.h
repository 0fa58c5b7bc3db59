// Products of fp32 matrices whose factors are rounded to bf16 (EQV_MATH_BF16). A processor with AVX-512-BF16 or AMX
// multiplies bf16 itself. On others the factors are rounded and multiplied in fp32: the same definition, for tests and to
// continue a run that began elsewhere, but slower than fp32.
#pragma once

#include <cstdint>

namespace eqv::cpu {

// Whether oneDNN has instructions for products of bf16 here.
bool multiplies_bf16();

// What computes them, for people.
const char* bf16_unit();

// To the nearest bf16, ties to even; NaN stays NaN. Rows of n numbers begin `pitch` apart, and `to_pitch` in the result.
void round_to_bf16(const float* x, int64_t pitch, int64_t rows, int64_t n, uint16_t* to, int64_t to_pitch);
// The same, as floats.
void round_to_bf16(const float* x, int64_t pitch, int64_t rows, int64_t n, float* to, int64_t to_pitch);

}  // namespace eqv::cpu
