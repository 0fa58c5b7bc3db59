// Adam and AdamW in the order of operations of PyTorch's single-tensor implementation, the moving average of weights,
// and the adaptive weight of the adversarial loss.
#include <cmath>

#include "optimizer/adam_update.h"
#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

// m = m + lerp (g - m) for lerp < 1/2, else from the other end, g - (g - m) (1 - lerp): torch.lerp's two forms.
template <bool kNear>
EQV_INLINE void adam_update(float* w, const float* g, float* m, float* v, int64_t n, const AdamUpdate& scalars) {
  const AdamUpdate k = scalars;
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

EQV_SIMD void adam_near(float* w, const float* g, float* m, float* v, int64_t n, const AdamUpdate& k) {
  adam_update<true>(w, g, m, v, n, k);
}

EQV_SIMD void adam_far(float* w, const float* g, float* m, float* v, int64_t n, const AdamUpdate& k) {
  adam_update<false>(w, g, m, v, n, k);
}

EQV_SIMD void average(float* a, const float* w, int64_t n, float decay, float rest) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) a[i] = decay * a[i] + rest * w[i];
}

}  // namespace

void adam(Stream& stream, const eqv_adam_params& p, const Tensor& schedule, const Tensor* squares, const Tensor* skip,
          const Tensor& w, const Tensor& g, const Tensor& m, const Tensor& v, const Tensor* average_tensor) {
  if (skip && *f32(*skip) != 0) return;
  const AdamUpdate k(p, static_cast<const double*>(schedule.data), squares ? static_cast<double>(*f32(*squares)) : -1);
  parallel_elements(stream, elements(w), [&](int64_t begin, int64_t end) {
    (k.lerp < 0.5f ? adam_near : adam_far)(f32(w) + begin, f32(g) + begin, f32(m) + begin, f32(v) + begin, end - begin,
                                           k);
    if (average_tensor) average(f32(*average_tensor) + begin, f32(w) + begin, end - begin, k.average, k.rest);
  });
}

void pack_weights(Stream&, const Tensor&, const Tensor&, const Tensor*, const Tensor&) {}

void adaptive_weight(Stream&, const eqv_adaptive_weight_params& p, const Tensor& numerator, const Tensor& denominator,
                     const Tensor& out) {
  const double ratio = std::sqrt(static_cast<double>(*f32(numerator))) /
                       (std::sqrt(static_cast<double>(*f32(denominator))) + static_cast<double>(p.eps));
  const double bounded = ratio > static_cast<double>(p.maximum) ? static_cast<double>(p.maximum) : ratio;  // NaN stays
  *f32(out) = static_cast<float>(static_cast<double>(p.weight) * bounded);
}

}  // namespace eqv::backend
