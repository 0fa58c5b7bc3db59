// Long sums that are cut into pieces.
#pragma once

#include "parallel.h"

namespace eqv::cpu {

// out[i] = the sum of `pieces` arrays of n numbers each, which lie one after the other, in their order.
void add_pieces(Stream& stream, const float* sums, int64_t pieces, int64_t n, float* out);

}  // namespace eqv::cpu
