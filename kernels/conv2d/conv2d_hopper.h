// Convolution on bf16 activations for sm_90a; same arguments as the functions of backend.h.
#pragma once

#include "backend.h"

namespace eqv::gpu {

// Whether x{…, C} → y{…, O} is a convolution these kernels are made for, on the stream's device.
bool hopper_takes(const Stream&, const Tensor& x, const Tensor& w, const Tensor& y, const Tensor* residual = nullptr);

void conv2d_hopper_fwd(Stream&, const eqv_conv2d_params&, const Tensor& x, const Tensor& w, const Tensor* packed,
                       const Tensor* bias, const Tensor* residual, const Tensor& y, const Tensor* stats);
// The kernel is at least as large as the stride.
void conv2d_hopper_bwd_input(Stream&, const eqv_conv2d_params&, const Tensor& dy, const Tensor& w, const Tensor* packed,
                             const Tensor* bias, const Tensor* residual, const Tensor& dx, const Tensor* stats);
void conv2d_hopper_bwd_weight(Stream&, const eqv_conv2d_params&, const Tensor& x, const Tensor& dy, const Tensor& dw);

}  // namespace eqv::gpu
