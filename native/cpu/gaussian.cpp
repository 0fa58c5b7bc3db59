// The diagonal Gaussian posterior: sampling and KL divergence to the standard normal. The log variance is clamped to
// [-30, 20]; as with torch.clamp the gradient is 0 outside this interval and passes through at its ends.
#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr float kLow = -30.0f, kHigh = 20.0f;

EQV_INLINE float clamped(float v) {
  v = v < kLow ? kLow : v;
  return v > kHigh ? kHigh : v;
}

EQV_SIMD void sample(const float* moments, const float* noise, int64_t pixels, int64_t channels, float* z) {
  for (int64_t i = 0; i < pixels; ++i) {
    const float *mean = moments + 2 * i * channels, *log_variance = mean + channels, *e = noise + i * channels;
    float* out = z + i * channels;
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) out[c] = mean[c] + exp32(0.5f * clamped(log_variance[c])) * e[c];
  }
}

EQV_SIMD void sample_gradient(const float* dz, const float* moments, const float* noise, int64_t pixels,
                              int64_t channels, float* dmoments) {
  for (int64_t i = 0; i < pixels; ++i) {
    const float *log_variance = moments + (2 * i + 1) * channels, *e = noise + i * channels, *d = dz + i * channels;
    float *dmean = dmoments + 2 * i * channels, *dlog = dmean + channels;
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) {
      const float l = log_variance[c];
      const float slope = 0.5f * exp32(0.5f * clamped(l)) * e[c] * d[c];
      dmean[c] = d[c];
      dlog[c] = l < kLow || l > kHigh ? 0.0f : slope;
    }
  }
}

EQV_SIMD double divergence(const float* moments, int64_t pixels, int64_t channels) {
  double total = 0;
  for (int64_t i = 0; i < pixels; ++i) {
    const float *mean = moments + 2 * i * channels, *log_variance = mean + channels;
#pragma omp simd reduction(+ : total)
    for (int64_t c = 0; c < channels; ++c) {
      const double m = mean[c], l = clamped(log_variance[c]);
      total += m * m + exp64(l) - 1.0 - l;
    }
  }
  return 0.5 * total;
}

EQV_SIMD void divergence_gradient(const float* moments, int64_t pixels, int64_t channels, float factor,
                                  float* dmoments) {
  for (int64_t i = 0; i < pixels; ++i) {
    const float *mean = moments + 2 * i * channels, *log_variance = mean + channels;
    float *dmean = dmoments + 2 * i * channels, *dlog = dmean + channels;
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) {
      const float l = log_variance[c];
      const double variance = exp64(static_cast<double>(clamped(l)));
      dmean[c] = factor * mean[c];
      dlog[c] = l < kLow || l > kHigh ? 0.0f : factor * static_cast<float>(0.5 * (variance - 1.0));
    }
  }
}

int64_t pixels_of(const Tensor& t) { return t.shape[0] * t.shape[1] * t.shape[2]; }

}  // namespace

void gaussian_sample_fwd(Stream& stream, const Tensor& moments, const Tensor& noise, const Tensor& z) {
  const int64_t channels = z.shape[3];
  parallel_for(stream, pixels_of(z), grain(channels, Cost::kFunction), [&](int64_t begin, int64_t end) {
    sample(f32(moments) + 2 * begin * channels, f32(noise) + begin * channels, end - begin, channels,
           f32(z) + begin * channels);
  });
}

void gaussian_sample_bwd(Stream& stream, const Tensor& dz, const Tensor& moments, const Tensor& noise,
                         const Tensor& dmoments) {
  const int64_t channels = dz.shape[3];
  parallel_for(stream, pixels_of(dz), grain(channels, Cost::kFunction), [&](int64_t begin, int64_t end) {
    sample_gradient(f32(dz) + begin * channels, f32(moments) + 2 * begin * channels, f32(noise) + begin * channels,
                    end - begin, channels, f32(dmoments) + 2 * begin * channels);
  });
}

void gaussian_kl_fwd(Stream& stream, const Tensor& moments, const Tensor& out) {
  const int64_t channels = moments.shape[3] / 2;
  const double sum = chunked_sum(stream, pixels_of(moments), ceil_div(4096, channels), [&](int64_t begin, int64_t end) {
    return divergence(f32(moments) + 2 * begin * channels, end - begin, channels);
  });
  *f32(out) = static_cast<float>(sum / static_cast<double>(moments.shape[0]));
}

void gaussian_kl_bwd(Stream& stream, const Tensor& dout, const Tensor& moments, const Tensor& dmoments) {
  const int64_t channels = moments.shape[3] / 2;
  const float factor = *f32(dout) / static_cast<float>(moments.shape[0]);
  parallel_for(stream, pixels_of(moments), grain(channels, Cost::kFunction), [&](int64_t begin, int64_t end) {
    divergence_gradient(f32(moments) + 2 * begin * channels, end - begin, channels, factor,
                        f32(dmoments) + 2 * begin * channels);
  });
}

}  // namespace eqv::backend
