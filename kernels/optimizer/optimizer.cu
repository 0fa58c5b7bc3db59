// Adam and AdamW in the order of operations of PyTorch's single-tensor implementation, the moving average of weights,
// and the adaptive weight of the adversarial loss.
#include "common/device.h"

namespace eqv::backend {

using namespace gpu;

void adam(Stream& stream, const eqv_adam_params& p, const Tensor& w_tensor, const Tensor& g_tensor,
          const Tensor& m_tensor, const Tensor& v_tensor) {
  // Scalars are computed in double and rounded once, as PyTorch does.
  const double correction1 = 1 - std::pow(p.beta1, static_cast<double>(p.step));
  const double correction2 = 1 - std::pow(p.beta2, static_cast<double>(p.step));
  const float grad_scale = static_cast<float>(p.grad_scale), eps = static_cast<float>(p.eps);
  const float decay = static_cast<float>(p.decoupled ? 1 - p.learning_rate * p.weight_decay : 1.0);
  const float l2 = static_cast<float>(p.decoupled ? 0.0 : p.weight_decay);
  const float lerp = static_cast<float>(1 - p.beta1), keep = 1.0f - lerp;
  const float beta2 = static_cast<float>(p.beta2), rest2 = static_cast<float>(1 - p.beta2);
  const float root = static_cast<float>(std::sqrt(correction2)), step = static_cast<float>(-p.learning_rate / correction1);
  float *w = f32(w_tensor), *m = f32(m_tensor), *v = f32(v_tensor);
  const float* g = f32(g_tensor);
  for_each(stream, "adam", elements(w_tensor), EQV_LAMBDA(int64_t i) {
    const float weight = w[i] * decay, gradient = g[i] * grad_scale + l2 * weight;
    // torch.lerp's two forms
    const float first = lerp < 0.5f ? m[i] + lerp * (gradient - m[i]) : gradient - (gradient - m[i]) * keep;
    const float second = v[i] * beta2 + rest2 * gradient * gradient;
    m[i] = first;
    v[i] = second;
    w[i] = weight + step * first / (sqrtf(second) / root + eps);
  });
}

void ema(Stream& stream, const eqv_ema_params& p, const Tensor& w_tensor, const Tensor& average_tensor) {
  const float decay = static_cast<float>(p.decay), rest = static_cast<float>(1 - p.decay);
  const float* w = f32(w_tensor);
  float* average = f32(average_tensor);
  for_each(stream, "ema", elements(w_tensor),
           EQV_LAMBDA(int64_t i) { average[i] = decay * average[i] + rest * w[i]; });
}

void adaptive_weight(Stream& stream, const eqv_adaptive_weight_params& p, const Tensor& numerator_tensor,
                     const Tensor& denominator_tensor, const Tensor& out_tensor) {
  const float *numerator = f32(numerator_tensor), *denominator = f32(denominator_tensor);
  float* out = f32(out_tensor);
  const double eps = p.eps, maximum = p.maximum, weight = p.weight;
  for_each(stream, "adaptive_weight", 1, EQV_LAMBDA(int64_t) {
    const double ratio = sqrt(static_cast<double>(*numerator)) / (sqrt(static_cast<double>(*denominator)) + eps);
    *out = static_cast<float>(weight * (ratio > maximum ? maximum : ratio));  // NaN stays
  });
}

}  // namespace eqv::backend
