// 3×3 convolutions of stride 1 by Winograd's F(2×2, 3×3): 16 products where the definition has 36. Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks", arXiv 1509.09308.
#pragma once

#include "parallel.h"

namespace eqv::cpu {

// y[n, i, j, k] = sum of x[n, i + a - pad_top, j + b - pad_left, c] g[k, c, a, b]
struct WinogradConv {
  int64_t samples, rows, cols, channels;  // of x
  int64_t out_rows, out_cols, out_channels;
  int64_t pad_top, pad_left;
  bool adjoint;  // weights are those of the forward convolution: g[k, c, a, b] = w[c, k, 2 - a, 2 - b], else w[k, c, a, b]
};

// Whether it is faster than oneDNN's direct convolution; a function of the shape alone.
bool winograd_pays(const WinogradConv& conv);

// The epilogue: y = activation(sum + bias[k] + residual); bias and residual (of y's shape) may be null.
struct WinogradEnd {
  const float *bias, *residual;
  int32_t activation;  // EQV_IDENTITY …
  float slope;
};

void winograd(Stream& stream, const WinogradConv& conv, const float* x, const float* w, const WinogradEnd& end, float* y);

}  // namespace eqv::cpu
