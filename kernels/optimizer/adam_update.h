// The coefficients of one Adam update, from its parameters and from what changes from step to step: computed in
// double and rounded once, as PyTorch does.
#pragma once

#include <cmath>

#include "common/host_device.h"
#include "eqv.h"

namespace eqv {

// Places in the tensor `schedule`.
enum { kLearningRate = 0, kCorrection1 = 1, kCorrection2 = 2, kEmaDecay = 3 };

// What the gradients are multiplied with: PyTorch's clip_grad_norm_ scales by clip / (norm + 1e-6) where that is below 1.
// `squares`: the sum of their squares; negative: not known, nothing is clipped.
EQV_HOST_DEVICE inline double gradient_scale(const eqv_adam_params& p, double squares) {
  if (!(squares >= 0)) return p.grad_scale;
  const double ratio = p.clip / (std::sqrt(squares) * p.grad_scale + 1e-6);
  return (ratio < 1 ? ratio : 1) * p.grad_scale;
}

struct AdamUpdate {
  float grad_scale, decay, l2;  // decay: 1 - learning_rate weight_decay of AdamW; l2: weight_decay of Adam
  float lerp, keep;             // 1 - beta1; 1 - lerp
  float beta2, rest2;           // beta2, 1 - beta2
  float root_correction, eps, step;
  float average, rest;          // the average's decay, 1 - decay

  EQV_HOST_DEVICE AdamUpdate(const eqv_adam_params& p, const double* schedule, double squares)
      : grad_scale(static_cast<float>(gradient_scale(p, squares))),
        decay(static_cast<float>(p.decoupled ? 1 - schedule[kLearningRate] * p.weight_decay : 1.0)),
        l2(static_cast<float>(p.decoupled ? 0.0 : p.weight_decay)),
        lerp(static_cast<float>(1 - p.beta1)),
        keep(1.0f - lerp),
        beta2(static_cast<float>(p.beta2)),
        rest2(static_cast<float>(1 - p.beta2)),
        root_correction(static_cast<float>(std::sqrt(schedule[kCorrection2]))),
        eps(static_cast<float>(p.eps)),
        step(static_cast<float>(-schedule[kLearningRate] / schedule[kCorrection1])),
        average(static_cast<float>(schedule[kEmaDecay])),
        rest(static_cast<float>(1 - schedule[kEmaDecay])) {}
};

}  // namespace eqv
