// Padding, row by row: the middle of a row is one copy.
#include <cstring>

#include "pad2d/border.h"
#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;
using pad2d::Axis;

namespace {

EQV_SIMD void add(const float* from, int64_t n, float* to) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) to[i] += from[i];
}

// f(place, pixel) for the places of a row on either side of the image.
template <class F>
void each_outside(const Axis& a, int begin, int end, F f) {
  for (int q = begin; q < end; ++q) f(q, a.source(q));
}

size_t bytes(int64_t values) { return static_cast<size_t>(values) * sizeof(float); }

}  // namespace

void pad2d_fwd(Stream& stream, const eqv_pad2d_params& params, const Tensor& x, const Tensor& y) {
  const Axis rows = pad2d::rows_of(params, x, y), columns = pad2d::columns_of(params, x, y);
  const int64_t c = x.shape[3], inside = columns.size * c, width = columns.padded * c;
  parallel_for(stream, y.shape[0] * rows.padded, grain(width), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const int i = rows.source(static_cast<int>(line % rows.padded));
      float* to = f32(y) + line * width;
      if (i < 0) {
        std::memset(to, 0, bytes(width));
        continue;
      }
      const float* from = f32(x) + (line / rows.padded * rows.size + i) * inside;
      const auto beyond = [&](int q, int j) {
        if (j < 0) std::memset(to + q * c, 0, bytes(c));
        else std::memcpy(to + q * c, from + j * c, bytes(c));
      };
      each_outside(columns, 0, columns.before, beyond);
      std::memcpy(to + columns.before * c, from, bytes(inside));
      each_outside(columns, columns.before + columns.size, columns.padded, beyond);
    }
  });
}

void pad2d_bwd(Stream& stream, const eqv_pad2d_params& params, const Tensor& dy, const Tensor& dx) {
  const Axis rows = pad2d::rows_of(params, dx, dy), columns = pad2d::columns_of(params, dx, dy);
  const int64_t c = dx.shape[3], inside = columns.size * c, width = columns.padded * c;
  parallel_for(stream, dx.shape[0] * rows.size, grain(width), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const int i = static_cast<int>(line % rows.size);
      float* to = f32(dx) + line * inside;
      std::memset(to, 0, bytes(inside));
      for (int p = rows.next(-1, i); p < rows.padded; p = rows.next(p, i)) {
        const float* from = f32(dy) + (line / rows.size * rows.padded + p) * width;
        const auto beyond = [&](int q, int j) {
          if (j >= 0) add(from + q * c, c, to + j * c);
        };
        each_outside(columns, 0, columns.before, beyond);
        add(from + columns.before * c, inside, to);
        each_outside(columns, columns.before + columns.size, columns.padded, beyond);
      }
    }
  });
}

}  // namespace eqv::backend
