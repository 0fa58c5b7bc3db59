// Padding, and its adjoint in gather form: a pixel's gradient is the sum over the places that copy it, in their order. A thread
// has kWide neighbouring channels of one place.
#include "common/rows.h"
#include "common/values.h"
#include "pad2d/border.h"

namespace eqv::backend {

using namespace gpu;
using pad2d::Axis;

namespace {

// The place of a thread, and the first of its channels.
template <int kWide>
struct Place {
  int64_t sample, channel;
  int row, column;

  __device__ Place(unsigned line, unsigned at, int rows, int64_t channels) {
    const unsigned parts = static_cast<unsigned>(channels) / kWide;
    sample = line / rows, row = static_cast<int>(line % rows);
    column = static_cast<int>(at / parts), channel = at % parts * kWide;
  }
};

template <int kWide>
struct Forward {
  Axis rows, columns;
  int64_t channels;
  Values x, y;

  __device__ void operator()(unsigned line, unsigned at) const {
    const Place<kWide> p(line, at, rows.padded, channels);
    const int i = rows.source(p.row), j = columns.source(p.column);
    float v[kWide] = {};
    if (i >= 0 && j >= 0) x.load(((p.sample * rows.size + i) * columns.size + j) * channels + p.channel, v);
    y.store((int64_t{line} * columns.padded + p.column) * channels + p.channel, v);
  }
};

template <int kWide>
struct Backward {
  Axis rows, columns;
  int64_t channels;
  Values dy, dx;

  __device__ void operator()(unsigned line, unsigned at) const {
    const Place<kWide> own(line, at, rows.size, channels);
    float sum[kWide] = {};
    for (int p = rows.next(-1, own.row); p < rows.padded; p = rows.next(p, own.row))
      for (int q = columns.next(-1, own.column); q < columns.padded; q = columns.next(q, own.column)) {
        float v[kWide];
        dy.load(((own.sample * rows.padded + p) * columns.padded + q) * channels + own.channel, v);
        for (int k = 0; k < kWide; ++k) sum[k] += v[k];
      }
    dx.store((int64_t{line} * columns.size + own.column) * channels + own.channel, sum);
  }
};

// Runs the kernel for every place of `to`.
template <template <int> class Kernel>
void run(Stream& stream, const char* name, const Axis& rows, const Axis& columns, const Tensor& from, const Tensor& to) {
  const int64_t c = to.shape[3], lines = to.shape[0] * to.shape[1], width = to.shape[2] * c;
  if (in_vectors(c, {&from, &to}))
    each_in_row(stream, name, lines, width / kVector, Kernel<kVector>{rows, columns, c, values(from), values(to)});
  else each_in_row(stream, name, lines, width, Kernel<1>{rows, columns, c, values(from), values(to)});
}

}  // namespace

void pad2d_fwd(Stream& stream, const eqv_pad2d_params& p, const Tensor& x, const Tensor& y) {
  run<Forward>(stream, "pad2d_fwd", pad2d::rows_of(p, x, y), pad2d::columns_of(p, x, y), x, y);
}

void pad2d_bwd(Stream& stream, const eqv_pad2d_params& p, const Tensor& dy, const Tensor& dx) {
  run<Backward>(stream, "pad2d_bwd", pad2d::rows_of(p, dx, dy), pad2d::columns_of(p, dx, dy), dy, dx);
}

}  // namespace eqv::backend
