// Sums of two tensors with two factors per sample.
#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr int64_t kChunk = 16384;

EQV_SIMD void mix(const float* a, float fa, const float* b, float fb, int64_t n, float* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = fa * a[i] + fb * b[i];
}

EQV_SIMD void scaled(const float* a, float factor, int64_t n, float* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = factor * a[i];
}

// Calls f(factors of the sample, first, count) for pieces of samples.
template <class F>
void each_piece(Stream& stream, const Tensor& t, const Tensor& factors, F f) {
  const int64_t samples = t.shape[0], values = elements(t) / samples, chunks = ceil_div(values, kChunk);
  parallel_for(stream, samples * chunks, grain(values), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t n = i / chunks, at = i % chunks * kChunk;
      f(f32(factors) + n * 2, n * values + at, std::min(kChunk, values - at));
    }
  });
}

}  // namespace

void sample_mix_fwd(Stream& stream, const Tensor& a, const Tensor& b, const Tensor& factors, const Tensor& out) {
  each_piece(stream, a, factors, [&](const float* f, int64_t at, int64_t n) {
    mix(f32(a) + at, f[0], f32(b) + at, f[1], n, f32(out) + at);
  });
}

void sample_mix_bwd(Stream& stream, const Tensor& dout, const Tensor& factors, const Tensor* da, const Tensor* db) {
  each_piece(stream, dout, factors, [&](const float* f, int64_t at, int64_t n) {
    if (da) scaled(f32(dout) + at, f[0], n, f32(*da) + at);
    if (db) scaled(f32(dout) + at, f[1], n, f32(*db) + at);
  });
}

}  // namespace eqv::backend
