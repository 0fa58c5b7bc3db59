// Convolution on bf16 activations where one side is thin: the three channels of an image, the four of a latent, the one of a
// discriminator's answer. Such products are bound by memory: the wide side is read or written once, and the thin one is
// read where it is, without a copy padded to the tensor cores' eight channels. Same arguments as the functions of
// backend.h.
//   from few channels   forward of 3 → 128, input gradient of 128 → 3     conv2d_thin_input.cu
//   to few channels     forward of 128 → 3, input gradient of 3 → 128     conv2d_thin_output.cu
//   weight gradient     of either                                          conv2d_thin_weight.cu
#pragma once

#include "backend.h"

namespace eqv::gpu {

bool thin_takes_fwd(const Tensor& x, const Tensor& w, const Tensor& y);
void conv2d_thin_fwd(Stream&, const eqv_conv2d_params&, const Tensor& x, const Tensor& w, const Tensor* bias,
                     const Tensor* residual, const Tensor& y, const Tensor* stats);

bool thin_takes_bwd_input(const eqv_conv2d_params&, const Tensor& dy, const Tensor& w, const Tensor& dx);
void conv2d_thin_bwd_input(Stream&, const eqv_conv2d_params&, const Tensor& dy, const Tensor& w, const Tensor* bias,
                           const Tensor* residual, const Tensor& dx, const Tensor* stats);

bool thin_takes_bwd_weight(const eqv_conv2d_params&, const Tensor& x, const Tensor& w, const Tensor& dy);
void conv2d_thin_bwd_weight(Stream&, const eqv_conv2d_params&, const Tensor& x, const Tensor& dy, const Tensor& dw);

}  // namespace eqv::gpu
