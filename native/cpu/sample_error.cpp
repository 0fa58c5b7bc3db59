// Squared error per sample, in chunks that are summed in double.
#include "differences.h"
#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr int64_t kChunk = 16384;

EQV_SIMD void scaled_difference(const float* a, const float* b, int64_t n, float factor, float* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = factor * (a[i] - b[i]);
}

}  // namespace

void sample_error_fwd(Stream& stream, const Tensor& a, const Tensor& b, const Tensor* weight, const Tensor& out) {
  const int64_t samples = a.shape[0], values = elements(a) / samples, chunks = ceil_div(values, kChunk);
  Workspace workspace(stream, Workspace::bytes<double>(samples * chunks));
  double* parts = workspace.take<double>(samples * chunks);
  parallel_for(stream, samples * chunks, grain(values), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = i % chunks * kChunk, first = i / chunks * values + at;
      parts[i] = squared_differences(f32(a) + first, f32(b) + first, std::min(kChunk, values - at));
    }
  });
  for (int64_t n = 0; n < samples; ++n) {
    double sum = 0;
    for (int64_t i = n * chunks; i < (n + 1) * chunks; ++i) sum += parts[i];
    f32(out)[n] = static_cast<float>((weight ? static_cast<double>(f32(*weight)[n]) : 1) * sum / static_cast<double>(values));
  }
}

void sample_error_bwd(Stream& stream, const Tensor& dout, const Tensor& a, const Tensor& b, const Tensor* weight,
                      const Tensor& da) {
  const int64_t samples = a.shape[0], values = elements(a) / samples, chunks = ceil_div(values, kChunk);
  parallel_for(stream, samples * chunks, grain(values), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t n = i / chunks, at = i % chunks * kChunk, first = n * values + at;
      const double w = weight ? static_cast<double>(f32(*weight)[n]) : 1;
      const double factor = 2 * static_cast<double>(f32(dout)[n]) * w / static_cast<double>(values);
      scaled_difference(f32(a) + first, f32(b) + first, std::min(kChunk, values - at), static_cast<float>(factor),
                        f32(da) + first);
    }
  });
}

}  // namespace eqv::backend
