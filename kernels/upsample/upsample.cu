// Nearest-neighbour upsampling by two; its adjoint sums the four pixels that one became.
#include "common/values.h"

namespace eqv::backend {

using namespace gpu;

void upsample2x_fwd(Stream& stream, const Tensor& x_tensor, const Tensor& y_tensor) {
  const int64_t h = y_tensor.shape[1], w = y_tensor.shape[2], c = y_tensor.shape[3];
  const Values x = values(x_tensor), y = values(y_tensor);
  for_each(stream, "upsample2x_fwd", elements(y_tensor), EQV_LAMBDA(int64_t at) {
    const int64_t j = at / c % w, i = at / (c * w) % h, n = at / (c * w * h);
    y.set(at, x[((n * (h / 2) + i / 2) * (w / 2) + j / 2) * c + at % c]);
  });
}

void upsample2x_bwd(Stream& stream, const Tensor& dy_tensor, const Tensor& dx_tensor) {
  const int64_t w = dx_tensor.shape[2], c = dx_tensor.shape[3], row = 2 * w * c;
  const Values dy = values(dy_tensor), dx = values(dx_tensor);
  for_each(stream, "upsample2x_bwd", elements(dx_tensor), EQV_LAMBDA(int64_t at) {
    const int64_t line = at / (c * w), j = at / c % w;
    const Values top = dy.from(2 * line * row + 2 * j * c + at % c);
    dx.set(at, (top[0] + top[c]) + (top[row] + top[row + c]));
  });
}

}  // namespace eqv::backend
