// What lies beyond an image's edges, and its adjoint in gather form: a pixel collects from the places that show it, in their
// order. A thread takes kWide neighbouring channels of one place.
#include "common/rows.h"
#include "common/values.h"
#include "pad2d/border.h"

namespace eqv::backend {

using namespace gpu;
using pad2d::Axis;

namespace {

template <int kWide>
struct Forward {
  Axis rows, columns;
  int64_t channels;
  Values x, y;

  __device__ void operator()(unsigned line, unsigned place) const {
    const unsigned parts = static_cast<unsigned>(channels) / kWide;
    const int q = static_cast<int>(place / parts), p = static_cast<int>(line % rows.padded);
    const int i = rows.source(p), j = columns.source(q);
    float v[kWide] = {};
    const int64_t n = line / rows.padded, c = place % parts * kWide;
    if (i >= 0 && j >= 0) x.load(((n * rows.size + i) * columns.size + j) * channels + c, v);
    y.store((int64_t{line} * columns.padded + q) * channels + c, v);
  }
};

template <int kWide>
struct Backward {
  Axis rows, columns;
  int64_t channels;
  Values dy, dx;

  __device__ void operator()(unsigned line, unsigned place) const {
    const unsigned parts = static_cast<unsigned>(channels) / kWide;
    const int j = static_cast<int>(place / parts), i = static_cast<int>(line % rows.size);
    const int64_t n = line / rows.size, c = place % parts * kWide;
    float sum[kWide] = {};
    for (int p = rows.next(-1, i); p < rows.padded; p = rows.next(p, i))
      for (int q = columns.next(-1, j); q < columns.padded; q = columns.next(q, j)) {
        float v[kWide];
        dy.load(((n * rows.padded + p) * columns.padded + q) * channels + c, v);
        for (int k = 0; k < kWide; ++k) sum[k] += v[k];
      }
    dx.store((int64_t{line} * columns.size + j) * channels + c, sum);
  }
};

}  // namespace

void pad2d_fwd(Stream& stream, const eqv_pad2d_params& p, const Tensor& x, const Tensor& y) {
  const Axis rows = pad2d::rows_of(p, x, y), columns = pad2d::columns_of(p, x, y);
  const int64_t c = x.shape[3], lines = y.shape[0] * y.shape[1], width = y.shape[2] * c;
  if (in_vectors(c, {&x, &y}))
    each_in_row(stream, "pad2d_fwd", lines, width / kVector, Forward<kVector>{rows, columns, c, values(x), values(y)});
  else each_in_row(stream, "pad2d_fwd", lines, width, Forward<1>{rows, columns, c, values(x), values(y)});
}

void pad2d_bwd(Stream& stream, const eqv_pad2d_params& p, const Tensor& dy, const Tensor& dx) {
  const Axis rows = pad2d::rows_of(p, dx, dy), columns = pad2d::columns_of(p, dx, dy);
  const int64_t c = dx.shape[3], lines = dx.shape[0] * dx.shape[1], width = dx.shape[2] * c;
  if (in_vectors(c, {&dy, &dx}))
    each_in_row(stream, "pad2d_bwd", lines, width / kVector, Backward<kVector>{rows, columns, c, values(dy), values(dx)});
  else each_in_row(stream, "pad2d_bwd", lines, width, Backward<1>{rows, columns, c, values(dy), values(dx)});
}

}  // namespace eqv::backend
