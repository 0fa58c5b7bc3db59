// Convolution on tensor cores, of bf16 activations or of fp32 ones on a stream that multiplies in TF32; same arguments as
// the functions of backend.h.
#pragma once

#include "backend.h"

namespace eqv::gpu {

void conv2d_mma_fwd(Stream&, const eqv_conv2d_params&, const Tensor& x, const Tensor& w, const Tensor* packed,
                    const Tensor* bias, const Tensor* residual, const Tensor& y, const Tensor* stats);
void conv2d_mma_bwd_input(Stream&, const eqv_conv2d_params&, const Tensor& dy, const Tensor& w, const Tensor* packed,
                          const Tensor* bias, const Tensor* residual, const Tensor& dx, const Tensor* stats);
// Without the gradient of the bias.
void conv2d_mma_bwd_weight(Stream&, const eqv_conv2d_params&, const Tensor& x, const Tensor& dy, const Tensor& dw);

}  // namespace eqv::gpu
