// Adam and AdamW in the order of operations of PyTorch's single-tensor implementation, the moving average of weights,
// and the adaptive weight of the adversarial loss.
#include <cmath>

#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

// Scalars, computed in double and rounded once, as PyTorch does.
struct AdamScalars {
  float grad_scale, decay, l2;  // decay: 1 - learning_rate weight_decay of AdamW; l2: weight_decay of Adam
  float lerp, keep;             // 1 - beta1; 1 - lerp
  float beta2, rest2;           // beta2, 1 - beta2
  float root_correction, eps, step;
};

// m = m + lerp (g - m) for lerp < 1/2, else the same from the other end: torch.lerp's two forms.
template <bool kNear>
EQV_INLINE void adam_update(float* w, const float* g, float* m, float* v, int64_t n, const AdamScalars& scalars) {
  const AdamScalars k = scalars;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    float weight = w[i], gradient = g[i] * k.grad_scale;
    weight *= k.decay;
    gradient += k.l2 * weight;
    const float first = kNear ? m[i] + k.lerp * (gradient - m[i]) : gradient - (gradient - m[i]) * k.keep;
    const float second = v[i] * k.beta2 + k.rest2 * gradient * gradient;
    const float denominator = __builtin_sqrtf(second) / k.root_correction + k.eps;
    m[i] = first;
    v[i] = second;
    w[i] = weight + (k.step * first) / denominator;
  }
}

EQV_SIMD void adam_near(float* w, const float* g, float* m, float* v, int64_t n, const AdamScalars& k) {
  adam_update<true>(w, g, m, v, n, k);
}

EQV_SIMD void adam_far(float* w, const float* g, float* m, float* v, int64_t n, const AdamScalars& k) {
  adam_update<false>(w, g, m, v, n, k);
}

EQV_SIMD void average(float* a, const float* w, int64_t n, float decay, float rest) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) a[i] = decay * a[i] + rest * w[i];
}

}  // namespace

void adam(Stream& stream, const eqv_adam_params& p, const Tensor& w, const Tensor& g, const Tensor& m,
          const Tensor& v) {
  const double correction1 = 1 - std::pow(p.beta1, static_cast<double>(p.step));
  const double correction2 = 1 - std::pow(p.beta2, static_cast<double>(p.step));
  const AdamScalars k{static_cast<float>(p.grad_scale),
                      static_cast<float>(p.decoupled ? 1 - p.learning_rate * p.weight_decay : 1.0),
                      static_cast<float>(p.decoupled ? 0.0 : p.weight_decay),
                      static_cast<float>(1 - p.beta1),
                      1.0f - static_cast<float>(1 - p.beta1),
                      static_cast<float>(p.beta2),
                      static_cast<float>(1 - p.beta2),
                      static_cast<float>(std::sqrt(correction2)),
                      static_cast<float>(p.eps),
                      static_cast<float>(-p.learning_rate / correction1)};
  parallel_elements(stream, elements(w), [&](int64_t begin, int64_t end) {
    (k.lerp < 0.5f ? adam_near : adam_far)(f32(w) + begin, f32(g) + begin, f32(m) + begin, f32(v) + begin, end - begin,
                                           k);
  });
}

void ema(Stream& stream, const eqv_ema_params& p, const Tensor& w, const Tensor& average_tensor) {
  const float decay = static_cast<float>(p.decay), rest = static_cast<float>(1 - p.decay);
  parallel_elements(stream, elements(w), [&](int64_t begin, int64_t end) {
    average(f32(average_tensor) + begin, f32(w) + begin, end - begin, decay, rest);
  });
}

void adaptive_weight(Stream&, const eqv_adaptive_weight_params& p, const Tensor& numerator, const Tensor& denominator,
                     const Tensor& out) {
  const double ratio = std::sqrt(static_cast<double>(*f32(numerator))) /
                       (std::sqrt(static_cast<double>(*f32(denominator))) + static_cast<double>(p.eps));
  const double bounded = ratio > static_cast<double>(p.maximum) ? static_cast<double>(p.maximum) : ratio;  // NaN stays
  *f32(out) = static_cast<float>(static_cast<double>(p.weight) * bounded);
}

}  // namespace eqv::backend
