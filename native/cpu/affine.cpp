// PyTorch's affine_grid + grid_sample, bilinear, align_corners = false. Coordinates in double, pixels in fp32. The
// adjoint is a gather: for every input pixel, the output rows that can reach it, in each of them the interval of
// columns that can, and for these the weight that the forward pass used, by the same function.
#include <cmath>
#include <cstring>

#include "affine/affine_map.h"
#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;
using namespace affine;

namespace {

EQV_INLINE void add(const float* in, float weight, int64_t channels, float* out) {
  for (int64_t c = 0; c < channels; ++c) out[c] += weight * in[c];
}

}  // namespace

void affine_fwd(Stream& stream, const eqv_affine_params& p, const Tensor& x, const Tensor& theta, const Tensor& y) {
  const int64_t height = x.shape[1], width = x.shape[2], channels = x.shape[3];
  const int64_t out_height = y.shape[1], out_width = y.shape[2], row = width * channels;
  parallel_for(stream, x.shape[0] * out_height, grain(out_width * channels, Cost::kFunction), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t n = r / out_height, i = r % out_height;
      const Map m = map_of(f32(theta) + 6 * n, height, width, out_height, out_width);
      const float* in = f32(x) + n * height * row;
      for (int64_t q = 0; q < out_width; ++q) {
        float* out = f32(y) + (r * out_width + q) * channels;
        std::memset(out, 0, static_cast<size_t>(channels) * sizeof(float));
        const Taps ty = taps_of(at(at(m.y0, m.yp, i), m.yq, q), height, p.padding);
        const Taps tx = taps_of(at(at(m.x0, m.xp, i), m.xq, q), width, p.padding);
        const float* corner = in + ty.low * row + tx.low * channels;
        if (ty.at_low != 0 && tx.at_low != 0) add(corner, ty.at_low * tx.at_low, channels, out);
        if (ty.at_low != 0 && tx.at_high != 0) add(corner + channels, ty.at_low * tx.at_high, channels, out);
        if (ty.at_high != 0 && tx.at_low != 0) add(corner + row, ty.at_high * tx.at_low, channels, out);
        if (ty.at_high != 0 && tx.at_high != 0) add(corner + row + channels, ty.at_high * tx.at_high, channels, out);
      }
    }
  });
}

void affine_bwd(Stream& stream, const eqv_affine_params& p, const Tensor& dy, const Tensor& theta, const Tensor& dx) {
  const int64_t height = dx.shape[1], width = dx.shape[2], channels = dx.shape[3];
  const int64_t out_height = dy.shape[1], out_width = dy.shape[2];
  parallel_for(stream, dx.shape[0] * height, grain(width * channels, Cost::kDozens), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t n = r / height, i = r % height;
      const Map m = map_of(f32(theta) + 6 * n, height, width, out_height, out_width);
      const double inverse_x = inverse_of(m.xq), inverse_y = inverse_of(m.yq);
      const float* grads = f32(dy) + n * out_height * out_width * channels;
      const Interval ys = reach(i, height, p.padding);
      for (int64_t j = 0; j < width; ++j) {
        float* out = f32(dx) + (r * width + j) * channels;
        std::memset(out, 0, static_cast<size_t>(channels) * sizeof(float));
        const Interval xs = reach(j, width, p.padding);
        int64_t first, last;
        rows_that_reach(m, ys, xs, out_height, first, last);
        for (int64_t v = first; v < last; ++v) {
          const double base_x = at(m.x0, m.xp, v), base_y = at(m.y0, m.yp, v);
          int64_t from = 0, to = out_width;
          restrict_to(base_x, inverse_x, xs, from, to);
          if (from >= to) continue;
          restrict_to(base_y, inverse_y, ys, from, to);
          for (int64_t q = from; q < to; ++q) {
            const float wy = weight_of(taps_of(at(base_y, m.yq, q), height, p.padding), i);
            if (wy == 0) continue;
            const float wx = weight_of(taps_of(at(base_x, m.xq, q), width, p.padding), j);
            if (wx != 0) add(grads + (v * out_width + q) * channels, wy * wx, channels, out);
          }
        }
      }
    }
  });
}

}  // namespace eqv::backend
