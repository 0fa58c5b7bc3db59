// Sums over the differences of two rows, in double.
#pragma once

#include <cstdint>

namespace eqv::cpu {

// Σ (a − b)²; in loss.cpp
double squared_differences(const float* a, const float* b, int64_t n);

}  // namespace eqv::cpu
