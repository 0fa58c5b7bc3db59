#include "partial_sums.h"

#include <algorithm>

#include "simd.h"

namespace eqv::cpu {
namespace {

EQV_SIMD void add(const float* pieces, int64_t count, int64_t pitch, int64_t n, float* out) {
  std::copy_n(pieces, n, out);
  for (int64_t piece = 1; piece < count; ++piece) {
    const float* from = pieces + piece * pitch;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] += from[i];
  }
}

}  // namespace

void add_pieces(Stream& stream, const float* sums, int64_t pieces, int64_t n, float* out) {
  parallel_for(stream, n, grain(pieces),
               [&](int64_t begin, int64_t end) { add(sums + begin, pieces, n, end - begin, out + begin); });
}

}  // namespace eqv::cpu
