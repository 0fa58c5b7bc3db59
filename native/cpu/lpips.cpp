// One level of LPIPS, pixel by pixel: a pixel's features fit the first-level cache.
#include <cmath>

#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr double kEps = 1e-10;

// sum f0^2 and sum f1^2 of one pixel
EQV_SIMD void squares(const float* f0, const float* f1, int64_t channels, double* out) {
  double a = 0, b = 0;
#pragma omp simd reduction(+ : a, b)
  for (int64_t c = 0; c < channels; ++c) {
    a += static_cast<double>(f0[c]) * static_cast<double>(f0[c]);
    b += static_cast<double>(f1[c]) * static_cast<double>(f1[c]);
  }
  out[0] = a;
  out[1] = b;
}

// sum w (f0 i0 - f1 i1)^2
EQV_SIMD double distance(const float* f0, const float* f1, const float* w, int64_t channels, float i0, float i1) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t c = 0; c < channels; ++c) {
    const float d = f0[c] * i0 - f1[c] * i1;
    sum += static_cast<double>(w[c] * d * d);
  }
  return sum;
}

// With u = f i the normalised features and g = -factor w (u0 - u1) the gradient for u1: df1 = g, returns sum g f1.
EQV_SIMD double unit_gradient(const float* f0, const float* f1, const float* w, int64_t channels, float i0, float i1,
                              float factor, float* df1) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t c = 0; c < channels; ++c) {
    const float g = factor * w[c] * (f1[c] * i1 - f0[c] * i0);
    sum += static_cast<double>(g) * static_cast<double>(f1[c]);
    df1[c] = g;
  }
  return sum;
}

// df1 = df1 i1 - f1 k
EQV_SIMD void project(const float* f1, int64_t channels, float i1, float k, float* df1) {
#pragma omp simd
  for (int64_t c = 0; c < channels; ++c) df1[c] = df1[c] * i1 - f1[c] * k;
}

}  // namespace

void lpips_head_fwd(Stream& stream, const Tensor& f0, const Tensor& f1, const Tensor& w, const Tensor& out) {
  const int64_t samples = f0.shape[0], pixels = f0.shape[1] * f0.shape[2], channels = f0.shape[3];
  const int64_t own = w.rank == 4 ? 1 : 0;  // weights for each pixel
  const int64_t size = ceil_div(16384, channels), chunks = ceil_div(pixels, size);  // per sample, by shape alone
  Workspace workspace(stream, Workspace::bytes<double>(samples * chunks));
  double* parts = workspace.take<double>(samples * chunks);
  parallel_for(stream, samples * chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % chunks * size, last = std::min(pixels, first + size);
      double sum = 0;
      for (int64_t p = first; p < last; ++p) {
        const int64_t at = (i / chunks * pixels + p) * channels;
        double s[2];
        squares(f32(f0) + at, f32(f1) + at, channels, s);
        sum += distance(f32(f0) + at, f32(f1) + at, f32(w) + own * at, channels, static_cast<float>(1 / (std::sqrt(s[0]) + kEps)),
                        static_cast<float>(1 / (std::sqrt(s[1]) + kEps)));
      }
      parts[i] = sum;
    }
  });
  for (int64_t n = 0; n < samples; ++n) {
    double sum = 0;
    for (int64_t i = 0; i < chunks; ++i) sum += parts[n * chunks + i];
    f32(out)[n] = static_cast<float>(sum / static_cast<double>(pixels));
  }
}

void lpips_head_bwd(Stream& stream, const Tensor& dout, const Tensor& f0, const Tensor& f1, const Tensor& w,
                    const Tensor& df1) {
  const int64_t pixels = f0.shape[1] * f0.shape[2], channels = f0.shape[3], own = w.rank == 4 ? 1 : 0;
  parallel_for(stream, f0.shape[0] * pixels, grain(channels, Cost::kTable), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t at = p * channels;
      const double upstream = f32(dout)[p / pixels];
      const float factor = static_cast<float>(2 * upstream / static_cast<double>(pixels));
      double s[2];
      squares(f32(f0) + at, f32(f1) + at, channels, s);
      const double norm = std::sqrt(s[1]), i0 = 1 / (std::sqrt(s[0]) + kEps), i1 = 1 / (norm + kEps);
      const double dot = unit_gradient(f32(f0) + at, f32(f1) + at, f32(w) + own * at, channels,
                                       static_cast<float>(i0), static_cast<float>(i1), factor, f32(df1) + at);
      // d(1 / (|f| + eps)) / df = -f / (|f| (|f| + eps)^2); at f = 0 the dot product is 0 as well.
      const double k = norm > 0 ? dot * i1 * i1 / norm : 0;
      project(f32(f1) + at, channels, static_cast<float>(i1), static_cast<float>(k), f32(df1) + at);
    }
  });
}

}  // namespace eqv::backend
