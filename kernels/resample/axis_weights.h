// Interpolation along one axis as a sparse matrix: what PyTorch's interpolate(size=…, align_corners=False) does, in
// double. Output d is the sum of `count` neighbouring inputs from `first` on. The transposed matrix gives the adjoint
// in gather form. The caller owns the memory, so that a call with a scratch arena allocates nothing.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "common/host_device.h"

namespace eqv::resample {

enum class Filter { bilinear, bilinear_antialias, bicubic, bicubic_antialias };

struct Axis {
  int64_t in, out;
  Filter filter;
};

// An upper bound of the number of taps of one output.
EQV_HOST_DEVICE inline int64_t max_taps(const Axis& axis) {
  switch (axis.filter) {
    case Filter::bilinear: return 2;
    case Filter::bicubic: return 4;
    default: {
      const double scale = std::max(1.0, static_cast<double>(axis.in) / static_cast<double>(axis.out));
      const double support = scale * (axis.filter == Filter::bilinear_antialias ? 1.0 : 2.0);
      return std::min<int64_t>(axis.in, static_cast<int64_t>(std::ceil(support)) * 2 + 1);
    }
  }
}

// The cubic convolution kernel of Keys (1981) at distance x.
EQV_HOST_DEVICE inline double cubic(double x, double a) {
  x = std::fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((x - 5) * x + 8) * x * a - 4 * a;
  return 0;
}

// Adds `weight` to input `i`, clamped to the image: taps beyond the edge read the edge.
EQV_HOST_DEVICE inline void add_tap(int64_t i, double weight, int64_t in, int64_t first, double* weights) {
  weights[std::clamp<int64_t>(i, 0, in - 1) - first] += weight;
}

// The taps of output d: weights[0 .. returned count) belong to inputs first, first + 1, …; at most max_taps of them.
EQV_HOST_DEVICE inline int64_t taps_of(const Axis& axis, int64_t d, int64_t& first, double* weights) {
  const int64_t in = axis.in;
  if (in == axis.out) {  // then every filter is exactly the identity
    first = d;
    weights[0] = 1;
    return 1;
  }
  const double scale = static_cast<double>(in) / static_cast<double>(axis.out);
  const double centre = (static_cast<double>(d) + 0.5) * scale;
  if (axis.filter == Filter::bilinear || axis.filter == Filter::bicubic) {
    const bool linear = axis.filter == Filter::bilinear;
    const double source = linear ? std::max(0.0, centre - 0.5) : centre - 0.5;
    const int64_t i = static_cast<int64_t>(std::floor(source));
    const double t = source - static_cast<double>(i);
    const int64_t low = linear ? i : i - 1, high = linear ? i + 1 : i + 2;
    first = std::clamp<int64_t>(low, 0, in - 1);
    const int64_t count = std::clamp<int64_t>(high, 0, in - 1) - first + 1;
    std::fill(weights, weights + count, 0.0);
    if (linear) {
      add_tap(i, 1 - t, in, first, weights);
      add_tap(i + 1, t, in, first, weights);
    } else {
      for (int64_t k = -1; k <= 2; ++k) add_tap(i + k, cubic(static_cast<double>(k) - t, -0.75), in, first, weights);
    }
    return count;
  }
  const bool linear = axis.filter == Filter::bilinear_antialias;
  const double stretch = std::max(1.0, scale), support = stretch * (linear ? 1.0 : 2.0);
  first = std::max<int64_t>(static_cast<int64_t>(centre - support + 0.5), 0);
  const int64_t count = std::min<int64_t>(static_cast<int64_t>(centre + support + 0.5), in) - first;
  double total = 0;
  for (int64_t k = 0; k < count; ++k) {
    const double x = (static_cast<double>(first + k) - centre + 0.5) / stretch;
    weights[k] = linear ? std::max(0.0, 1 - std::fabs(x)) : cubic(x, -0.5);
    total += weights[k];
  }
  for (int64_t k = 0; k < count; ++k) weights[k] /= total;
  return count;
}

// The rows of the matrix or of its transpose, one after the other: row r has entries start[r] to start[r + 1], entry e
// says column[e], weight[e]; columns ascend. T is the type weights are rounded to.
template <class T>
struct Table {
  int64_t* start;   // rows + 1
  int32_t* column;  // at most out * max_taps
  T* weight;
};

template <class T>
void fill(const Axis& axis, double* work, const Table<T>& table) {
  int64_t entry = 0;
  for (int64_t d = 0; d < axis.out; ++d) {
    int64_t first;
    const int64_t count = taps_of(axis, d, first, work);
    table.start[d] = entry;
    for (int64_t k = 0; k < count; ++k) {
      if (work[k] == 0) continue;
      table.column[entry] = static_cast<int32_t>(first + k);
      table.weight[entry++] = static_cast<T>(work[k]);
    }
  }
  table.start[axis.out] = entry;
}

// The transpose of a filled table: a row per input, whose columns are outputs.
template <class T>
void transpose(const Axis& axis, const Table<T>& table, const Table<T>& out) {
  std::fill(out.start, out.start + axis.in + 1, int64_t{0});
  for (int64_t e = 0; e < table.start[axis.out]; ++e) ++out.start[table.column[e] + 1];
  for (int64_t i = 0; i < axis.in; ++i) out.start[i + 1] += out.start[i];
  for (int64_t d = 0; d < axis.out; ++d)
    for (int64_t e = table.start[d]; e < table.start[d + 1]; ++e) {
      const int64_t at = out.start[table.column[e]]++;
      out.column[at] = static_cast<int32_t>(d);
      out.weight[at] = table.weight[e];
    }
  for (int64_t i = axis.in; i > 0; --i) out.start[i] = out.start[i - 1];
  out.start[0] = 0;
}

}  // namespace eqv::resample
