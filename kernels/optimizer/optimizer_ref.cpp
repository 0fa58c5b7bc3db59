// Adam and AdamW in the order of torch.optim's single-tensor code, the moving average of weights, and the adaptive weight
// of the discriminator (CompVis contperceptual.py: nll_grad_norm / (g_grad_norm + eps), clamped).
#include <algorithm>
#include <cmath>

#include "common/ref_backend.h"
#include "optimizer/adam_update.h"

namespace eqv::ref {

template <class T>
void adam(const eqv_adam_params& p, const double* schedule, const T* squares, View<T> w, View<T> g, View<T> m, View<T> v) {
  const double rate = schedule[kLearningRate], c1 = schedule[kCorrection1], c2 = schedule[kCorrection2];
  const double grad_scale = gradient_scale(p, squares ? static_cast<double>(*squares) : -1);
  for (int64_t i = 0; i < w.size(); ++i) {
    T gradient = g[i] * static_cast<T>(grad_scale);
    if (p.decoupled)
      w[i] *= static_cast<T>(1 - rate * p.weight_decay);
    else
      gradient += static_cast<T>(p.weight_decay) * w[i];
    m[i] += (gradient - m[i]) * static_cast<T>(1 - p.beta1);
    v[i] = v[i] * static_cast<T>(p.beta2) + static_cast<T>(1 - p.beta2) * gradient * gradient;
    const T denominator = std::sqrt(v[i]) / static_cast<T>(std::sqrt(c2)) + static_cast<T>(p.eps);
    w[i] -= static_cast<T>(rate / c1) * m[i] / denominator;
  }
}

template <class T>
void ema(double decay, View<T> w, View<T> average) {
  for (int64_t i = 0; i < w.size(); ++i)
    average[i] = static_cast<T>(decay) * average[i] + static_cast<T>(1 - decay) * w[i];
}

template <class T>
void adaptive_weight(const eqv_adaptive_weight_params& p, T numerator, T denominator, T* out) {
  const T ratio = std::sqrt(numerator) / (std::sqrt(denominator) + static_cast<T>(p.eps));
  *out = static_cast<T>(p.weight) * (std::isnan(ratio) ? ratio : std::min(ratio, static_cast<T>(p.maximum)));
}

}  // namespace eqv::ref

namespace eqv::backend {

void adaptive_weight(Stream&, const eqv_adaptive_weight_params& p, const Tensor& numerator, const Tensor& denominator,
                     const Tensor& out) {
  ref::adaptive_weight(p, *data(numerator), *data(denominator), data(out));
}
void adam(Stream&, const eqv_adam_params& p, const Tensor& schedule, const Tensor* squares, const Tensor* skip,
          const Tensor& w, const Tensor& g, const Tensor& m, const Tensor& v, const Tensor* average) {
  if (skip && *data(skip) != 0) return;
  ref::adam(p, data(schedule), data(squares), V(rows(w, 1)), V(rows(g, 1)), V(rows(m, 1)), V(rows(v, 1)));
  if (average) ref::ema(data(schedule)[kEmaDecay], V(rows(w, 1)), V(rows(*average, 1)));
}

}  // namespace eqv::backend
