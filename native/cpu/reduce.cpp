// Reductions to one value, in double and in a fixed order.
#include <cmath>

#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

EQV_SIMD double sum(const float* x, int64_t n) {
  double total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) total += static_cast<double>(x[i]);
  return total;
}

EQV_SIMD double sum_squares(const float* x, int64_t n) {
  double total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) total += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return total;
}

EQV_SIMD int32_t count_nonfinite(const float* x, int64_t n) {
  int32_t count = 0;
#pragma omp simd reduction(+ : count)
  for (int64_t i = 0; i < n; ++i)
    count += (__builtin_bit_cast(uint32_t, x[i]) & 0x7f800000u) == 0x7f800000u ? 1 : 0;
  return count;
}

// The largest bit pattern without its sign: non-negative floats have the order of their bits, and a NaN is above infinity.
EQV_SIMD int32_t max_magnitude(const float* x, int64_t n) {
  int32_t most = 0;
#pragma omp simd reduction(max : most)
  for (int64_t i = 0; i < n; ++i) {
    const int32_t bits = static_cast<int32_t>(__builtin_bit_cast(uint32_t, x[i]) & 0x7fffffffu);
    most = bits > most ? bits : most;
  }
  return most;
}

}  // namespace

void reduce(Stream& stream, const eqv_reduce_params& p, const Tensor& x, const Tensor& out) {
  constexpr int64_t size = 16384;
  const int64_t n = elements(x), chunks = ceil_div(n, size);
  if (p.kind != EQV_MAX_ABS) {
    const double total = chunked_sum(stream, n, size, [&](int64_t begin, int64_t end) -> double {
      const float* part = f32(x) + begin;
      switch (p.kind) {
        case EQV_SUM: return sum(part, end - begin);
        case EQV_SUM_SQUARES: return sum_squares(part, end - begin);
        default: return count_nonfinite(part, end - begin);
      }
    });
    *f32(out) = static_cast<float>(p.scale * total);
    return;
  }
  Workspace workspace(stream, Workspace::bytes<int32_t>(chunks));
  int32_t* parts = workspace.take<int32_t>(chunks);
  parallel_for(stream, chunks, 2, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      parts[i] = max_magnitude(f32(x) + i * size, std::min(size, n - i * size));
  });
  const int32_t most = *std::max_element(parts, parts + chunks);
  *f32(out) = static_cast<float>(p.scale * static_cast<double>(__builtin_bit_cast(float, most)));
}

}  // namespace eqv::backend
