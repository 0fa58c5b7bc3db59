// A linear layer and its activation on tensor cores in one pass: y = activation(z), z = x·wᵀ + bias as it is stored. Same
// arguments as linear_fwd of backend.h, but as images of one pixel: x{rows, 1, 1, I}, w{O, I, 1, 1}, before and y{rows, 1,
// 1, O}. The activation is of the rounded z, whether z is stored (`before`, for the backward pass) or not: the bits are
// those of a product and an activation after it.
#pragma once

#include "backend.h"

namespace eqv::gpu {

// For sm_80 and newer, in bf16 or TF32.
void linear_mma_fwd(Stream&, const eqv_activation_params&, const Tensor& x, const Tensor& w, const Tensor* bias,
                    const Tensor* before, const Tensor& y);

// For sm_90a, where hopper_takes (conv2d/conv2d_hopper.h) says so.
void linear_hopper_fwd(Stream&, const eqv_activation_params&, const Tensor& x, const Tensor& w, const Tensor* bias,
                       const Tensor* before, const Tensor& y);

}  // namespace eqv::gpu
