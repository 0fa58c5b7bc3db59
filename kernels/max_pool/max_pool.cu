// 2×2 maximum pooling; the winner's index is kept. A NaN wins, as in PyTorch; among equals the first does.
#include "common/values.h"

namespace eqv::backend {

using namespace gpu;

void max_pool2x2_fwd(Stream& stream, const Tensor& x_tensor, const Tensor& y_tensor, const Tensor& index_tensor) {
  const int64_t height = x_tensor.shape[1], row = x_tensor.shape[2] * x_tensor.shape[3];
  const int64_t h = y_tensor.shape[1], w = y_tensor.shape[2], c = y_tensor.shape[3];
  const Values x = values(x_tensor), y = values(y_tensor);
  auto* index = static_cast<uint8_t*>(index_tensor.data);
  for_each(stream, "max_pool2x2_fwd", elements(y_tensor), EQV_LAMBDA(int64_t at) {
    const int64_t j = at / c % w, i = at / (c * w) % h, n = at / (c * w * h);
    const Values corner = x.from((n * height + 2 * i) * row + 2 * j * c + at % c);
    float best = corner[0];
    int winner = 0;
    for (int k = 1; k < 4; ++k) {
      const float v = corner[k / 2 * row + k % 2 * c];
      if (v > best || (v != v && best == best)) {
        best = v;
        winner = k;
      }
    }
    y.set(at, best);
    index[at] = static_cast<uint8_t>(winner);
  });
}

void max_pool2x2_bwd(Stream& stream, const Tensor& dy_tensor, const Tensor& index_tensor, const Tensor& dx_tensor) {
  const int64_t height = dx_tensor.shape[1], width = dx_tensor.shape[2], c = dx_tensor.shape[3];
  const int64_t h = dy_tensor.shape[1], w = dy_tensor.shape[2];
  const Values dy = values(dy_tensor), dx = values(dx_tensor);
  const auto* index = static_cast<const uint8_t*>(index_tensor.data);
  for_each(stream, "max_pool2x2_bwd", elements(dx_tensor), EQV_LAMBDA(int64_t at) {
    const int64_t j = at / c % width, i = at / (c * width) % height, n = at / (c * width * height);
    const bool inside = i / 2 < h && j / 2 < w;
    const int64_t from = ((n * h + i / 2) * w + j / 2) * c + at % c;
    dx.set(at, inside && index[from] == (i % 2) * 2 + j % 2 ? dy[from] : 0.0f);
  });
}

}  // namespace eqv::backend
