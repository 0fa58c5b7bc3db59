// Rotary embedding: a thread rotates a pair.
#include "common/values.h"

namespace eqv::backend {

using namespace gpu;

void rope(Stream& stream, const eqv_rope_params& p, const Tensor& x_tensor, const Tensor& cos_tensor,
          const Tensor& sin_tensor, const Tensor& y_tensor) {
  const int64_t tokens = x_tensor.shape[1], heads = x_tensor.shape[2], size = x_tensor.shape[3], pairs = size / 2;
  const Values x = values(x_tensor), y = values(y_tensor);
  const float *cos = f32(cos_tensor), *sin = f32(sin_tensor);
  const int32_t rotated = p.rotated, transposed = p.transposed;
  for_each(stream, "rope", elements(x_tensor) / 2, EQV_LAMBDA(int64_t pair) {
    const int64_t row = pair / pairs, at = 2 * pair;
    const float a = x[at], b = x[at + 1];
    if (row % heads >= rotated) {
      y.set(at, a);
      y.set(at + 1, b);
      return;
    }
    const int64_t angle = row / heads % tokens * size + at - row * size;
    const float minus = transposed ? -sin[angle + 1] : sin[angle], plus = transposed ? -sin[angle] : sin[angle + 1];
    y.set(at, a * cos[angle] - b * minus);
    y.set(at + 1, b * cos[angle + 1] + a * plus);
  });
}

}  // namespace eqv::backend
