// The geometry of an affine transform: where an output pixel reads, with which weights, and, for the adjoint in gather
// form, which outputs can read an input pixel. Coordinates are double, and the CPU and CUDA backends share this code, so that
// both choose the same taps.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "common/host_device.h"
#include "eqv.h"

namespace eqv::affine {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Output pixel (p, q) reads input at x = xq q + xp p + x0, y = yq q + yp p + y0, in pixels.
struct Map {
  double xq, xp, x0, yq, yp, y0;
};

EQV_HOST_DEVICE inline Map map_of(const float* theta, int64_t in_height, int64_t in_width, int64_t out_height,
                                  int64_t out_width) {
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

EQV_HOST_DEVICE inline Taps taps_of(double x, int64_t size, int32_t padding) {
  const double last = static_cast<double>(size - 1);
  if (padding == EQV_PAD_BORDER) x = x > 0 ? std::min(x, last) : 0;
  if (!(x > -1 && x < last + 1)) return {0, 0, 0};  // also if the coordinate is NaN
  const double floor = std::floor(x);
  const int64_t low = static_cast<int64_t>(floor);
  const float t = static_cast<float>(x - floor);
  return {low, low >= 0 ? 1 - t : 0, low + 1 < size ? t : 0};
}

EQV_HOST_DEVICE inline float weight_of(const Taps& taps, int64_t i) {
  return taps.low == i ? taps.at_low : taps.low + 1 == i ? taps.at_high : 0;
}

EQV_HOST_DEVICE inline double at(double base, double slope, int64_t i) { return base + slope * static_cast<double>(i); }

struct Interval {
  double low, high;
};

// The interval of values of k v for v in i; 0 times infinity is 0.
EQV_HOST_DEVICE inline Interval times(double k, const Interval& i) {
  if (k == 0) return {0, 0};
  return k > 0 ? Interval{k * i.low, k * i.high} : Interval{k * i.high, k * i.low};
}

// Intersects the integers [begin, end) with those i for which base + slope i is in `range`; inverse = 1 / slope, or 0
// where the slope is too small to divide by. Rounding may add an integer, but never omits one.
EQV_HOST_DEVICE inline void restrict_to(double base, double inverse, const Interval& range, int64_t& begin, int64_t& end) {
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
EQV_HOST_DEVICE inline double inverse_of(double slope) { return std::fabs(slope) > 1e-9 ? 1 / slope : 0; }

// Coordinates that give pixel i weight; with border padding the edge pixels also answer for everything beyond.
EQV_HOST_DEVICE inline Interval reach(int64_t i, int64_t size, int32_t padding) {
  const bool border = padding == EQV_PAD_BORDER;
  return {border && i == 0 ? -kInfinity : static_cast<double>(i - 1),
          border && i == size - 1 ? kInfinity : static_cast<double>(i + 1)};
}

// The output rows [first, last) that can reach an input pixel whose coordinates are in ys and xs.
EQV_HOST_DEVICE inline void rows_that_reach(const Map& m, const Interval& ys, const Interval& xs, int64_t out_height,
                                            int64_t& first, int64_t& last) {
  first = 0;
  last = out_height;
  const double determinant = m.xq * m.yp - m.xp * m.yq;
  if (!(std::fabs(determinant) > 1e-6)) return;
  // p = (xq (y - y0) - yq (x - x0)) / determinant
  const Interval a = times(m.xq / determinant, {ys.low - m.y0, ys.high - m.y0});
  const Interval b = times(-m.yq / determinant, {xs.low - m.x0, xs.high - m.x0});
  restrict_to(0, 1, {a.low + b.low - 1e-3, a.high + b.high + 1e-3}, first, last);
}

}  // namespace eqv::affine
