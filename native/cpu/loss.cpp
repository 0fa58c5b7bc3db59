// Reconstruction and adversarial losses: sums in double, gradients in fp32.
#include <cmath>

#include "differences.h"
#include "parallel.h"
#include "simd.h"

namespace eqv::cpu {

EQV_SIMD double squared_differences(const float* a, const float* b, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += d * d;
  }
  return sum;
}

}  // namespace eqv::cpu

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr int64_t kChunk = 16384;

// log(1 + e^x)
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

EQV_SIMD double sum_absolute(const float* a, const float* b, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += __builtin_fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
  return sum;
}

EQV_SIMD double sum_charbonnier(const float* a, const float* b, int64_t n, double square) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += __builtin_sqrt(d * d + square);
  }
  return sum;
}

// sum relu(1 + sign a); a NaN stays one.
EQV_SIMD double sum_hinge(const float* a, int64_t n, double sign) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    const double v = 1.0 + sign * static_cast<double>(a[i]);
    sum += v <= 0.0 ? 0.0 : v;
  }
  return sum;
}

EQV_SIMD double plain_sum(const float* a, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]);
  return sum;
}

double sum_softplus(const float* a, int64_t n, double sign) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += softplus(sign * a[i]);
  return sum;
}

// g sign(a - b), 0 where they are equal; NaN where either is.
EQV_SIMD void absolute_gradient(const float* a, const float* b, int64_t n, float g, float* da) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float d = a[i] - b[i];
    const float s = d > 0.0f ? g : d < 0.0f ? -g : d * 0.0f;
    da[i] = s;
  }
}

EQV_SIMD void square_gradient(const float* a, const float* b, int64_t n, float g, float* da) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) da[i] = g * (a[i] - b[i]);
}

EQV_SIMD void charbonnier_gradient(const float* a, const float* b, int64_t n, float g, float square, float* da) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float d = a[i] - b[i];
    da[i] = g * d / __builtin_sqrtf(d * d + square);
  }
}

EQV_SIMD void hinge_gradient(const float* a, int64_t n, float sign, float g, float* da) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) da[i] = 1.0f + sign * a[i] <= 0.0f ? 0.0f : g;
}

EQV_SIMD void softplus_gradient(const float* a, int64_t n, float sign, float g, float* da) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) da[i] = g / (1.0f + exp32(-sign * a[i]));
}

}  // namespace

void loss_fwd(Stream& stream, const eqv_loss_params& p, const Tensor& a, const Tensor* b, const Tensor& out) {
  const double sum = chunked_sum(stream, elements(a), kChunk, [&](int64_t begin, int64_t end) {
    const float* x = f32(a) + begin;
    const int64_t n = end - begin;
    switch (p.kind) {
      case EQV_L1: return sum_absolute(x, f32(*b) + begin, n);
      case EQV_L2: return squared_differences(x, f32(*b) + begin, n);
      case EQV_HINGE_REAL: return sum_hinge(x, n, -1.0);
      case EQV_HINGE_FAKE: return sum_hinge(x, n, 1.0);
      case EQV_NEGATED_SUM: return -plain_sum(x, n);
      case EQV_SOFTPLUS_REAL: return sum_softplus(x, n, -1.0);
      case EQV_CHARBONNIER: return sum_charbonnier(x, f32(*b) + begin, n, p.epsilon * p.epsilon);
      default: return sum_softplus(x, n, 1.0);
    }
  });
  *f32(out) = static_cast<float>(p.scale * sum);
}

void loss_bwd(Stream& stream, const eqv_loss_params& p, const Tensor& dout, const Tensor& a, const Tensor* b,
              const Tensor& da) {
  const double scale = p.scale * static_cast<double>(*f32(dout));
  const float g = static_cast<float>(scale);
  parallel_elements(stream, elements(a), [&](int64_t begin, int64_t end) {
    const float* x = f32(a) + begin;
    float* d = f32(da) + begin;
    const int64_t n = end - begin;
    switch (p.kind) {
      case EQV_L1: return absolute_gradient(x, f32(*b) + begin, n, g, d);
      case EQV_L2: return square_gradient(x, f32(*b) + begin, n, static_cast<float>(2 * scale), d);
      case EQV_HINGE_REAL: return hinge_gradient(x, n, -1.0f, -g, d);
      case EQV_HINGE_FAKE: return hinge_gradient(x, n, 1.0f, g, d);
      case EQV_NEGATED_SUM: return (void)std::fill_n(d, n, -g);
      case EQV_SOFTPLUS_REAL: return softplus_gradient(x, n, -1.0f, -g, d);
      case EQV_CHARBONNIER:
        return charbonnier_gradient(x, f32(*b) + begin, n, g, static_cast<float>(p.epsilon * p.epsilon), d);
      default: return softplus_gradient(x, n, 1.0f, g, d);
    }
  });
}

}  // namespace eqv::backend
