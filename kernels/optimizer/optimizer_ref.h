// Adam and AdamW in the order of torch.optim's single-tensor code, the moving average of weights, and the adaptive weight
// of the discriminator (CompVis contperceptual.py: nll_grad_norm / (g_grad_norm + eps), clamped).
#pragma once

#include <algorithm>
#include <cmath>

#include "common/ref_view.h"

namespace eqv::ref {

template <class T>
void adam(const eqv_adam_params& p, View<T> w, View<T> g, View<T> m, View<T> v) {
  const double c1 = 1 - std::pow(p.beta1, static_cast<double>(p.step));
  const double c2 = 1 - std::pow(p.beta2, static_cast<double>(p.step));
  for (int64_t i = 0; i < w.size(); ++i) {
    T gradient = g[i] * static_cast<T>(p.grad_scale);
    if (p.decoupled)
      w[i] *= static_cast<T>(1 - p.learning_rate * p.weight_decay);
    else
      gradient += static_cast<T>(p.weight_decay) * w[i];
    m[i] += (gradient - m[i]) * static_cast<T>(1 - p.beta1);
    v[i] = v[i] * static_cast<T>(p.beta2) + static_cast<T>(1 - p.beta2) * gradient * gradient;
    const T denominator = std::sqrt(v[i]) / static_cast<T>(std::sqrt(c2)) + static_cast<T>(p.eps);
    w[i] -= static_cast<T>(p.learning_rate / c1) * m[i] / denominator;
  }
}

template <class T>
void ema(const eqv_ema_params& p, View<T> w, View<T> average) {
  for (int64_t i = 0; i < w.size(); ++i)
    average[i] = static_cast<T>(p.decay) * average[i] + static_cast<T>(1 - p.decay) * w[i];
}

template <class T>
void adaptive_weight(const eqv_adaptive_weight_params& p, T numerator, T denominator, T* out) {
  const T ratio = std::sqrt(numerator) / (std::sqrt(denominator) + static_cast<T>(p.eps));
  *out = static_cast<T>(p.weight) * (std::isnan(ratio) ? ratio : std::min(ratio, static_cast<T>(p.maximum)));
}

}  // namespace eqv::ref
