// Maximum and mean over windows that may overlap, and their adjoints in gather form: a pixel's gradient is the sum over
// the windows that cover it, in their order.
#include "common/rows.h"
#include "common/values.h"
#include "pool2d/window.h"

namespace eqv::backend {

using namespace gpu;
using pool2d::Axis;
using pool2d::Range;

namespace {

// f(row, element) for the rows of all images and the elements of a row, pixels × channels.
template <class F>
void each_element(Stream& stream, const char* name, const Tensor& t, F f) {
  each_in_row(stream, name, t.shape[0] * t.shape[1], t.shape[2] * t.shape[3], f);
}

}  // namespace

void pool2d_fwd(Stream& stream, const eqv_pool2d_params& params, const Tensor& x_tensor, const Tensor& y_tensor,
                const Tensor* index_tensor) {
  const Axis rows = pool2d::rows_of(params, x_tensor, y_tensor);
  const Axis columns = pool2d::columns_of(params, x_tensor, y_tensor);
  const auto c = static_cast<unsigned>(x_tensor.shape[3]);
  const int64_t x_row = x_tensor.shape[2] * c, y_row = y_tensor.shape[2] * c;
  const Values x = values(x_tensor), y = values(y_tensor);
  if (params.kind == EQV_POOL_MEAN) {
    each_element(stream, "mean_pool2d_fwd", y_tensor, EQV_LAMBDA(unsigned line, unsigned at) {
      const unsigned n = line / rows.out;
      const Range h = rows.window(line % rows.out), w = columns.window(at / c);
      const Values channel = x.from(static_cast<int64_t>(n) * rows.in * x_row + at % c);
      float sum = 0;
      for (int i = h.begin; i < h.end; ++i)
        for (int j = w.begin; j < w.end; ++j) sum += channel[i * x_row + static_cast<int64_t>(j) * c];
      y.set(line * y_row + at, sum / static_cast<float>((h.end - h.begin) * (w.end - w.begin)));
    });
    return;
  }
  auto* index = static_cast<uint8_t*>(index_tensor->data);
  each_element(stream, "max_pool2d_fwd", y_tensor, EQV_LAMBDA(unsigned line, unsigned at) {
    const unsigned n = line / rows.out, p = line % rows.out, q = at / c;
    const Range h = rows.window(p), w = columns.window(q);
    const Values channel = x.from(static_cast<int64_t>(n) * rows.in * x_row + at % c);
    float best = 0;
    int winner = -1;
    for (int i = h.begin; i < h.end; ++i)
      for (int j = w.begin; j < w.end; ++j) {
        const float v = channel[i * x_row + static_cast<int64_t>(j) * c];
        if (winner < 0 || v > best || (v != v && best == best)) {
          best = v;
          winner = rows.place(p, i) * columns.kernel + columns.place(q, j);
        }
      }
    y.set(line * y_row + at, best);
    index[line * y_row + at] = static_cast<uint8_t>(winner);
  });
}

void pool2d_bwd(Stream& stream, const eqv_pool2d_params& params, const Tensor& dy_tensor, const Tensor* index_tensor,
                const Tensor& dx_tensor) {
  const Axis rows = pool2d::rows_of(params, dx_tensor, dy_tensor);
  const Axis columns = pool2d::columns_of(params, dx_tensor, dy_tensor);
  const auto c = static_cast<unsigned>(dx_tensor.shape[3]);
  const int64_t x_row = dx_tensor.shape[2] * c, y_row = dy_tensor.shape[2] * c;
  const Values dy = values(dy_tensor), dx = values(dx_tensor);
  const auto* index = index_tensor ? static_cast<const uint8_t*>(index_tensor->data) : nullptr;
  each_element(stream, "pool2d_bwd", dx_tensor, EQV_LAMBDA(unsigned line, unsigned at) {
    const int i = line % rows.in, j = at / c;
    const Range p = rows.readers(i), q = columns.readers(j);
    const int64_t image = static_cast<int64_t>(line / rows.in) * rows.out * y_row + at % c;
    float sum = 0;
    for (int a = p.begin; a < p.end; ++a)
      for (int b = q.begin; b < q.end; ++b) {
        const int64_t from = image + a * y_row + static_cast<int64_t>(b) * c;
        if (index) {
          sum += index[from] == rows.place(a, i) * columns.kernel + columns.place(b, j) ? dy[from] : 0.0f;
        } else {
          const Range h = rows.window(a), w = columns.window(b);
          sum += dy[from] / static_cast<float>((h.end - h.begin) * (w.end - w.begin));
        }
      }
    dx.set(line * x_row + at, sum);
  });
}

}  // namespace eqv::backend
