// Maximum and mean over windows that may overlap. The inner loops run over the channels of one pixel.
#include <cstring>

#include "parallel.h"
#include "pool2d/window.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;
using pool2d::Axis;
using pool2d::Range;

namespace {

// One pixel joins the maximum. A NaN wins, as in PyTorch; among equals the first does.
EQV_SIMD void join_maximum(const float* x, int64_t n, int32_t place, float* y, uint8_t* index) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) {
    const float v = x[j], best = y[j];
    // Bitwise: a condition joined by && would keep the compiler from vectorising.
    const int32_t takes = static_cast<int32_t>(v > best) | (static_cast<int32_t>(v != v) & static_cast<int32_t>(best == best));
    y[j] = takes ? v : best;
    index[j] = static_cast<uint8_t>(takes ? place : static_cast<int32_t>(index[j]));
  }
}

EQV_SIMD void add(const float* x, int64_t n, float* y) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) y[j] += x[j];
}

EQV_SIMD void divide(int64_t n, float count, float* y) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) y[j] /= count;
}

// The gradient of one window's maximum reaches the pixel at `place`.
EQV_SIMD void add_won(const float* dy, const uint8_t* index, int64_t n, int32_t place, float* dx) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) dx[j] += static_cast<int32_t>(index[j]) == place ? dy[j] : 0.0f;
}

EQV_SIMD void add_share(const float* dy, int64_t n, float count, float* dx) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) dx[j] += dy[j] / count;
}

float pixels(const Range& h, const Range& w) { return static_cast<float>((h.end - h.begin) * (w.end - w.begin)); }


}  // namespace

void pool2d_fwd(Stream& stream, const eqv_pool2d_params& params, const Tensor& x, const Tensor& y,
                const Tensor* index) {
  const Axis rows = pool2d::rows_of(params, x, y), columns = pool2d::columns_of(params, x, y);
  const int64_t c = x.shape[3], x_row = x.shape[2] * c, y_row = y.shape[2] * c;
  auto* indices = index ? static_cast<uint8_t*>(index->data) : nullptr;
  parallel_for(stream, x.shape[0] * rows.out, grain(y_row, Cost::kFunction), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const int p = static_cast<int>(line % rows.out);
      const Range h = rows.window(p);
      const float* image = f32(x) + line / rows.out * rows.in * x_row;
      for (int q = 0; q < columns.out; ++q) {
        const Range w = columns.window(q);
        float* out = f32(y) + line * y_row + q * c;
        uint8_t* winner = indices ? indices + line * y_row + q * c : nullptr;
        std::memcpy(out, image + h.begin * x_row + w.begin * c, static_cast<size_t>(c) * sizeof(float));
        if (winner)
          std::memset(winner, rows.place(p, h.begin) * columns.kernel + columns.place(q, w.begin), static_cast<size_t>(c));
        for (int i = h.begin; i < h.end; ++i)
          for (int j = w.begin; j < w.end; ++j) {
            if (i == h.begin && j == w.begin) continue;
            const float* pixel = image + i * x_row + j * c;
            if (winner)
              join_maximum(pixel, c, rows.place(p, i) * columns.kernel + columns.place(q, j), out, winner);
            else
              add(pixel, c, out);
          }
        if (!winner) divide(c, pixels(h, w), out);
      }
    }
  });
}

void pool2d_bwd(Stream& stream, const eqv_pool2d_params& params, const Tensor& dy, const Tensor* index,
                const Tensor& dx) {
  const Axis rows = pool2d::rows_of(params, dx, dy), columns = pool2d::columns_of(params, dx, dy);
  const int64_t c = dx.shape[3], x_row = dx.shape[2] * c, y_row = dy.shape[2] * c;
  const auto* indices = index ? static_cast<const uint8_t*>(index->data) : nullptr;
  parallel_for(stream, dx.shape[0] * rows.in, grain(x_row, Cost::kFunction), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const int i = static_cast<int>(line % rows.in);
      const Range p = rows.readers(i);
      const int64_t image = line / rows.in * rows.out * y_row;
      std::memset(f32(dx) + line * x_row, 0, static_cast<size_t>(x_row) * sizeof(float));
      for (int j = 0; j < columns.in; ++j) {
        const Range q = columns.readers(j);
        float* out = f32(dx) + line * x_row + j * c;
        for (int a = p.begin; a < p.end; ++a)
          for (int b = q.begin; b < q.end; ++b) {
            const int64_t from = image + a * y_row + b * c;
            if (indices)
              add_won(f32(dy) + from, indices + from, c, rows.place(a, i) * columns.kernel + columns.place(b, j), out);
            else
              add_share(f32(dy) + from, c, pixels(rows.window(a), columns.window(b)), out);
          }
      }
    }
  });
}

}  // namespace eqv::backend
