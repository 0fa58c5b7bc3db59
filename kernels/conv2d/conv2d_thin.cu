// Chooses one of the three kernels of thin.h, by the side that has few channels.
#include "conv2d/conv2d_thin.h"

#include "conv2d/thin.h"
#include "group_norm/group_norm.h"

namespace eqv::gpu {
namespace {

int taps_of(const Tensor& w) { return extent(w, 2) * extent(w, 3); }

// These kernels write results in an order that does not keep samples together, so statistics are computed by reading y again.
void statistics_of(Stream& stream, const eqv_conv2d_params& p, const Tensor& result, const Tensor* stats) {
  if (stats) group_statistics(stream, p.groups, static_cast<double>(p.eps), result, *stats);
}

}  // namespace

bool thin_takes_fwd(const Tensor& x, const Tensor& w, const Tensor& y) {
  return from_few_takes(taps_of(w), x, y) || to_few_takes(w, x, y);
}

void conv2d_thin_fwd(Stream& stream, const eqv_conv2d_params& p, const Tensor& x, const Tensor& w, const Tensor* bias,
                     const Tensor* residual, const Tensor& y, const Tensor* stats) {
  const ThinEpilogue e = epilogue<dtype::Bf16>(p, bias, residual);
  if (from_few_takes(taps_of(w), x, y))
    from_few(stream, "conv2d_fwd", x, forward_window(p, w), few_inputs(w), e, y);
  else to_few(stream, "conv2d_fwd", x, forward_window(p, w), few_outputs(w), e, y);
  statistics_of(stream, p, y, stats);
}

bool thin_takes_bwd_input(const eqv_conv2d_params& p, const Tensor& dy, const Tensor& w, const Tensor& dx) {
  return (p.stride == 1 && from_few_takes(taps_of(w), dy, dx)) || to_few_takes(w, dy, dx);
}

void conv2d_thin_bwd_input(Stream& stream, const eqv_conv2d_params& p, const Tensor& dy, const Tensor& w, const Tensor* bias,
                           const Tensor* residual, const Tensor& dx, const Tensor* stats) {
  const ThinEpilogue e = epilogue<dtype::Bf16>(p, bias, residual);
  if (p.stride == 1 && from_few_takes(taps_of(w), dy, dx))
    from_few(stream, "conv2d_bwd_input", dy, gradient_window(p, w), few_outputs(w), e, dx);
  else to_few(stream, "conv2d_bwd_input", dy, gradient_window(p, w), few_inputs(w), e, dx);
  statistics_of(stream, p, dx, stats);
}

bool thin_takes_bwd_weight(const eqv_conv2d_params& p, const Tensor& x, const Tensor& w, const Tensor& dy) {
  return thin_weight_takes(taps_of(w), dy, x) || (p.stride == 1 && thin_weight_takes(taps_of(w), x, dy));
}

// If x is thin, the sum runs over the pixels of dy, each with the pixels of x in its window. If dy is thin, it runs over the
// pixels of x, each with the pixels of dy whose windows contain it.
void conv2d_thin_bwd_weight(Stream& stream, const eqv_conv2d_params& p, const Tensor& x, const Tensor& dy, const Tensor& dw) {
  if (thin_weight_takes(taps_of(dw), dy, x)) thin_weight(stream, dy, x, forward_window(p, dw), few_inputs(dw));
  else thin_weight(stream, x, dy, gradient_window(p, dw), few_outputs(dw));
}

}  // namespace eqv::gpu
