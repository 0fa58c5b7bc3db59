// Activations of contiguous values, and a linear layer with an activation.
#pragma once

#include "backend.h"

namespace eqv::cpu {

// y = activation(x) for n values; y may be x. The activation is not the identity.
void activate(const eqv_activation_params& p, const float* x, int64_t n, float* y);

// before = x w^T + bias, y = its activation; before may be y.
void activated_linear(Stream& s, const eqv_activation_params& p, const Tensor& x, const Tensor& w, const Tensor* bias,
                      const Tensor& before, const Tensor& y);

}  // namespace eqv::cpu
