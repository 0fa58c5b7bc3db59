// PyTorch's affine_grid + grid_sample, bilinear, align_corners = false, and its adjoint in gather form. Geometry in
// affine_map.h.
#include "affine/affine_map.h"
#include "common/device.h"

namespace eqv::backend {

using namespace gpu;
using affine::Interval;
using affine::Map;
using affine::Taps;

namespace {

struct Sizes {
  int64_t h, w, out_h, out_w, c;
  int32_t padding;
};

}  // namespace

void affine_fwd(Stream& stream, const eqv_affine_params& p, const Tensor& x_tensor, const Tensor& theta_tensor,
                const Tensor& y_tensor) {
  const Sizes s{x_tensor.shape[1], x_tensor.shape[2], y_tensor.shape[1], y_tensor.shape[2], x_tensor.shape[3], p.padding};
  const float *x = f32(x_tensor), *theta = f32(theta_tensor);
  float* y = f32(y_tensor);
  for_each(stream, "affine_fwd", elements(y_tensor), EQV_LAMBDA(int64_t at) {
    const int64_t c = at % s.c, q = at / s.c % s.out_w, row = at / (s.c * s.out_w) % s.out_h;
    const int64_t n = at / (s.c * s.out_w * s.out_h);
    const Map m = affine::map_of(theta + 6 * n, s.h, s.w, s.out_h, s.out_w);
    const Taps ty = affine::taps_of(affine::at(affine::at(m.y0, m.yp, row), m.yq, q), s.h, s.padding);
    const Taps tx = affine::taps_of(affine::at(affine::at(m.x0, m.xp, row), m.xq, q), s.w, s.padding);
    const float* corner = x + ((n * s.h + ty.low) * s.w + tx.low) * s.c + c;
    float sum = 0;
    if (ty.at_low != 0 && tx.at_low != 0) sum += ty.at_low * tx.at_low * corner[0];
    if (ty.at_low != 0 && tx.at_high != 0) sum += ty.at_low * tx.at_high * corner[s.c];
    if (ty.at_high != 0 && tx.at_low != 0) sum += ty.at_high * tx.at_low * corner[s.w * s.c];
    if (ty.at_high != 0 && tx.at_high != 0) sum += ty.at_high * tx.at_high * corner[(s.w + 1) * s.c];
    y[at] = sum;
  });
}

void affine_bwd(Stream& stream, const eqv_affine_params& p, const Tensor& dy_tensor, const Tensor& theta_tensor,
                const Tensor& dx_tensor) {
  const Sizes s{dx_tensor.shape[1], dx_tensor.shape[2], dy_tensor.shape[1], dy_tensor.shape[2], dx_tensor.shape[3],
                p.padding};
  const float *dy = f32(dy_tensor), *theta = f32(theta_tensor);
  float* dx = f32(dx_tensor);
  for_each(stream, "affine_bwd", elements(dx_tensor), EQV_LAMBDA(int64_t at) {
    const int64_t c = at % s.c, j = at / s.c % s.w, i = at / (s.c * s.w) % s.h, n = at / (s.c * s.w * s.h);
    const Map m = affine::map_of(theta + 6 * n, s.h, s.w, s.out_h, s.out_w);
    const Interval ys = affine::reach(i, s.h, s.padding), xs = affine::reach(j, s.w, s.padding);
    int64_t first, last;
    affine::rows_that_reach(m, ys, xs, s.out_h, first, last);
    float sum = 0;
    for (int64_t v = first; v < last; ++v) {
      const double base_x = affine::at(m.x0, m.xp, v), base_y = affine::at(m.y0, m.yp, v);
      int64_t from = 0, to = s.out_w;
      affine::restrict_to(base_x, affine::inverse_of(m.xq), xs, from, to);
      affine::restrict_to(base_y, affine::inverse_of(m.yq), ys, from, to);
      for (int64_t q = from; q < to; ++q) {
        const float wy = affine::weight_of(affine::taps_of(affine::at(base_y, m.yq, q), s.h, s.padding), i);
        if (wy == 0) continue;
        const float wx = affine::weight_of(affine::taps_of(affine::at(base_x, m.xq, q), s.w, s.padding), j);
        if (wx != 0) sum += wy * wx * dy[((n * s.out_h + v) * s.out_w + q) * s.c + c];
      }
    }
    dx[at] = sum;
  });
}

}  // namespace eqv::backend
