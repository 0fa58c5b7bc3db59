// Pooling over windows: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

// Checks y = pool(x), its parameters and the index of the maxima.
void pool_shapes(const Check& c, const eqv_pool2d_params& p, const char* xn, const Tensor& x, const char* yn, const Tensor& y,
                 const eqv_tensor* index) {
  c.one_of("kind", p.kind, EQV_POOL_MAX, EQV_POOL_MEAN, "EQV_POOL_MAX");
  c.at_least("kernel_height", p.kernel_height, 1);
  c.at_least("kernel_width", p.kernel_width, 1);
  c.at_least("stride", p.stride, 1);
  c.that(p.padding >= 0 && p.padding <= p.kernel_height / 2 && p.padding <= p.kernel_width / 2, "padding", p.padding,
         {"use 0 to half the kernel, ", p.kernel_height, " x ", p.kernel_width, ": with more, a window may have no pixel"});
  const bool max = p.kind == EQV_POOL_MAX;
  constexpr int64_t kMostPixels = 256;  // of a window: index is a byte
  const int64_t pixels = int64_t{p.kernel_height} * p.kernel_width;
  c.that(!max || pixels <= kMostPixels, "kernel_height x kernel_width", pixels,
         {"the index of the maximum is one byte: use at most ", kMostPixels, ", or pool twice"});
  c.that(max == (index != nullptr), "index", index,
         max ? "maximum pooling stores the places of the maxima there" : "mean pooling has no index: pass NULL");
  const int64_t h = x.shape[1] + 2 * p.padding - p.kernel_height, w = x.shape[2] + 2 * p.padding - p.kernel_width;
  c.that(h >= 0 && w >= 0, xn, x,
         {"with its padding it is smaller than the window, ", p.kernel_height, " x ", p.kernel_width,
          ": use a larger image or a smaller window"});
  c.shape(yn, y, {x.shape[0], h / p.stride + 1, w / p.stride + 1, x.shape[3]});
  if (max) c.same_shape("index", c.typed("index", index, 4, EQV_U8), yn, y);
}

}  // namespace

extern "C" {

eqv_status eqv_pool2d_fwd(eqv_stream s, const eqv_pool2d_params* params, const eqv_tensor* x, const eqv_tensor* y,
                          const eqv_tensor* index) {
  return checked("pool2d", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, 4), &Y = c.activation("y", y, 4);
    pool_shapes(c, p, "x", X, "y", Y, index);
    backend::pool2d_fwd(*s, p, X, Y, index);
  });
}

eqv_status eqv_pool2d_bwd(eqv_stream s, const eqv_pool2d_params* params, const eqv_tensor* dy,
                          const eqv_tensor* index, const eqv_tensor* dx) {
  return checked("pool2d_bwd", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &DY = c.activation("dy", dy, 4), &DX = c.activation("dx", dx, 4);
    pool_shapes(c, p, "dx", DX, "dy", DY, index);
    backend::pool2d_bwd(*s, p, DY, index, DX);
  });
}

}  // extern "C"
