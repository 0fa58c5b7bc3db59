// Activations of a piece of memory, and a linear layer that ends with one.
#pragma once

#include "backend.h"

namespace eqv::cpu {

// y = the activation of x, of n values; not the identity.
void activate(const eqv_activation_params& p, const float* x, int64_t n, float* y);

// before = x w^T + bias, y = its activation.
void activated_linear(Stream& s, const eqv_activation_params& p, const Tensor& x, const Tensor& w, const Tensor* bias,
                      const Tensor& before, const Tensor& y);

}  // namespace eqv::cpu
