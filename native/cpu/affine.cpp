// PyTorch's affine_grid + grid_sample, bilinear, align_corners = false. Coordinates in double, pixels in fp32. The
// adjoint is a gather: for every input pixel, the output rows that can reach it, in each of them the interval of
// columns that can, and for these the weight that the forward pass used, by the same function.
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Output pixel (p, q) reads input at x = xq q + xp p + x0, y = yq q + yp p + y0, in pixels.
struct Map {
  double xq, xp, x0, yq, yp, y0;
};

Map map_of(const float* theta, int64_t in_height, int64_t in_width, int64_t out_height, int64_t out_width) {
  const double t[6] = {theta[0], theta[1], theta[2], theta[3], theta[4], theta[5]};
  const double w = static_cast<double>(in_width), h = static_cast<double>(in_height);
  const double ow = static_cast<double>(out_width), oh = static_cast<double>(out_height);
  // Normalised output coordinates are (2 q + 1) / ow - 1; input pixel = ((normalised + 1) size - 1) / 2.
  const double u0 = 1 / ow - 1, v0 = 1 / oh - 1;
  return {t[0] * w / ow, t[1] * w / oh, ((t[0] * u0 + t[1] * v0 + t[2] + 1) * w - 1) / 2,
          t[3] * h / ow, t[4] * h / oh, ((t[3] * u0 + t[4] * v0 + t[5] + 1) * h - 1) / 2};
}

// The two taps along one axis: low and low + 1 with weights 1 - t and t. Taps outside the image have no weight.
struct Taps {
  int64_t low;
  float at_low, at_high;
};

Taps taps_of(double x, int64_t size, int32_t padding) {
  const double last = static_cast<double>(size - 1);
  if (padding == EQV_PAD_BORDER) x = x > 0 ? std::min(x, last) : 0;
  if (!(x > -1 && x < last + 1)) return {0, 0, 0};  // not a number included
  const double floor = std::floor(x);
  const int64_t low = static_cast<int64_t>(floor);
  const float t = static_cast<float>(x - floor);
  return {low, low >= 0 ? 1 - t : 0, low + 1 < size ? t : 0};
}

float weight_of(const Taps& taps, int64_t i) {
  return taps.low == i ? taps.at_low : taps.low + 1 == i ? taps.at_high : 0;
}

double at(double base, double slope, int64_t i) { return base + slope * static_cast<double>(i); }

EQV_INLINE void add(const float* in, float weight, int64_t channels, float* out) {
  for (int64_t c = 0; c < channels; ++c) out[c] += weight * in[c];
}

struct Interval {
  double low, high;
};

// The interval of values of k v for v in i; 0 times infinity is 0.
Interval times(double k, const Interval& i) {
  if (k == 0) return {0, 0};
  return k > 0 ? Interval{k * i.low, k * i.high} : Interval{k * i.high, k * i.low};
}

// Intersects the integers [begin, end) with those i for which base + slope i is in `range`; inverse = 1 / slope, or 0
// where the slope is too small to divide by. Rounding may let one too many in, never one too few.
void restrict_to(double base, double inverse, const Interval& range, int64_t& begin, int64_t& end) {
  if (inverse == 0) {
    if (base < range.low - 1 || base > range.high + 1) end = begin;
    return;
  }
  double low = (range.low - base) * inverse, high = (range.high - base) * inverse;
  if (inverse < 0) std::swap(low, high);
  const double slack = 1e-6 + 1e-12 * (std::fabs(base) + 1e5) * std::fabs(inverse);
  const double first = static_cast<double>(begin), last = static_cast<double>(end);
  begin = static_cast<int64_t>(std::clamp(std::ceil(low - slack), first, last));
  end = static_cast<int64_t>(std::clamp(std::floor(high + slack) + 1, first, last));
  if (end < begin) end = begin;
}

// For restrict_to. A slope below 1e-9 moves a coordinate by less than a pixel over any image that fits memory.
double inverse_of(double slope) { return std::fabs(slope) > 1e-9 ? 1 / slope : 0; }

// Coordinates that give pixel i weight; with border padding the edge pixels also answer for everything beyond.
Interval reach(int64_t i, int64_t size, int32_t padding) {
  const bool border = padding == EQV_PAD_BORDER;
  return {border && i == 0 ? -kInfinity : static_cast<double>(i - 1),
          border && i == size - 1 ? kInfinity : static_cast<double>(i + 1)};
}

}  // namespace

void affine_fwd(Stream& stream, const eqv_affine_params& p, const Tensor& x, const Tensor& theta, const Tensor& y) {
  const int64_t height = x.shape[1], width = x.shape[2], channels = x.shape[3];
  const int64_t out_height = y.shape[1], out_width = y.shape[2], row = width * channels;
  const int64_t grain = std::max<int64_t>(1, 4096 / (out_width * channels));
  parallel_for(stream, x.shape[0] * out_height, grain, [&](int64_t begin, int64_t end) {
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
  const int64_t grain = std::max<int64_t>(1, 1024 / (width * channels));
  parallel_for(stream, dx.shape[0] * height, grain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t n = r / height, i = r % height;
      const Map m = map_of(f32(theta) + 6 * n, height, width, out_height, out_width);
      const double determinant = m.xq * m.yp - m.xp * m.yq;
      const bool invertible = std::fabs(determinant) > 1e-6;
      const double inverse_x = inverse_of(m.xq), inverse_y = inverse_of(m.yq);
      const float* grads = f32(dy) + n * out_height * out_width * channels;
      const Interval ys = reach(i, height, p.padding);
      for (int64_t j = 0; j < width; ++j) {
        float* out = f32(dx) + (r * width + j) * channels;
        std::memset(out, 0, static_cast<size_t>(channels) * sizeof(float));
        const Interval xs = reach(j, width, p.padding);
        int64_t first = 0, last = out_height;
        if (invertible) {
          // p = (xq (y - y0) - yq (x - x0)) / determinant
          const Interval a = times(m.xq / determinant, {ys.low - m.y0, ys.high - m.y0});
          const Interval b = times(-m.yq / determinant, {xs.low - m.x0, xs.high - m.x0});
          restrict_to(0, 1, {a.low + b.low - 1e-3, a.high + b.high + 1e-3}, first, last);
        }
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
