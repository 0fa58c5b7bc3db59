// τ: resize, quarter turns clockwise, flips, in one pass; the adjoint in gather form. The taps of each axis are computed
// once per call by a small kernel, in double. Without resizing τ is a copy, bit by bit.
#include "common/device.h"
#include "resample/axis_weights.h"
#include "resample/placement.h"

namespace eqv::backend {

using namespace gpu;
using resample::Axis;
using resample::Filter;
using resample::Placement;

namespace {

// Output d of an axis reads inputs first[d] … first[d] + count[d] − 1 with weight[d·width + k].
struct Table {
  int64_t *first, *count;
  double* weight;
  int64_t width;

  // The outputs that read input i: [begin, end). `first` and `first + count` ascend with d.
  __device__ void readers(int64_t i, int64_t outputs, int64_t& begin, int64_t& end) const {
    int64_t low = 0, high = outputs;
    while (low < high) {  // the first d with first + count > i
      const int64_t middle = (low + high) / 2;
      if (first[middle] + count[middle] > i) high = middle;
      else low = middle + 1;
    }
    begin = low;
    high = outputs;
    while (low < high) {  // the first d with first > i
      const int64_t middle = (low + high) / 2;
      if (first[middle] > i) high = middle;
      else low = middle + 1;
    }
    end = low;
  }
  __device__ float at(int64_t d, int64_t i) const { return static_cast<float>(weight[d * width + i - first[d]]); }
};

// Two tables in scratch memory, filled.
struct Tables {
  Table rows, columns;
};

int64_t bytes_of(const Axis& axis) {
  return 2 * Workspace::bytes<int64_t>(axis.out) + Workspace::bytes<double>(axis.out * (resample::max_taps(axis) + 2));
}

Table fill(Stream& stream, Workspace& workspace, const Axis& axis) {
  const int64_t width = resample::max_taps(axis) + 2;
  const Table t{workspace.take<int64_t>(axis.out), workspace.take<int64_t>(axis.out),
                workspace.take<double>(axis.out * width), width};
  for_each(stream, "resample_taps", axis.out, EQV_LAMBDA(int64_t d) {
    int64_t first;
    t.count[d] = resample::taps_of(axis, d, first, t.weight + d * t.width);
    t.first[d] = first;
  });
  return t;
}

Tables tables_of(Stream& stream, const eqv_resample_params& p, const Tensor& x, const Placement& place) {
  const auto filter = static_cast<Filter>(p.interpolation);
  const Axis rows{x.shape[1], place.height, filter}, columns{x.shape[2], place.width, filter};
  Workspace workspace(stream, bytes_of(rows) + bytes_of(columns));
  const Table first = fill(stream, workspace, rows);
  return {first, fill(stream, workspace, columns)};
}

}  // namespace

void resample_fwd(Stream& stream, const eqv_resample_params& p, const Tensor& x_tensor, const Tensor& y_tensor) {
  const Placement place = resample::placement_of(p, y_tensor);
  const int64_t h = x_tensor.shape[1], w = x_tensor.shape[2], c = x_tensor.shape[3];
  const float* x = f32(x_tensor);
  float* y = f32(y_tensor);
  const int64_t sample = place.height * place.width;
  if (h == place.height && w == place.width) {
    for_each(stream, "resample_fwd", elements(y_tensor), EQV_LAMBDA(int64_t i) {
      const int64_t pixel = i / c, n = pixel / sample, row = pixel % sample / w, column = pixel % w;
      y[(n * sample + place.origin + row * place.row + column * place.column) * c + i % c] = x[i];
    });
    return;
  }
  const Tables t = tables_of(stream, p, x_tensor, place);
  for_each(stream, "resample_fwd", elements(y_tensor), EQV_LAMBDA(int64_t i) {
    const int64_t pixel = i / c, n = pixel / sample;
    const int64_t row = pixel % sample / place.width, column = pixel % place.width;
    float sum = 0;
    for (int64_t a = t.rows.first[row]; a < t.rows.first[row] + t.rows.count[row]; ++a) {
      float line = 0;
      for (int64_t b = t.columns.first[column]; b < t.columns.first[column] + t.columns.count[column]; ++b)
        line += t.columns.at(column, b) * x[((n * h + a) * w + b) * c + i % c];
      sum += t.rows.at(row, a) * line;
    }
    y[(n * sample + place.origin + row * place.row + column * place.column) * c + i % c] = sum;
  });
}

void resample_bwd(Stream& stream, const eqv_resample_params& p, const Tensor& dy_tensor, const Tensor& dx_tensor) {
  const Placement place = resample::placement_of(p, dy_tensor);
  const int64_t h = dx_tensor.shape[1], w = dx_tensor.shape[2], c = dx_tensor.shape[3];
  const float* dy = f32(dy_tensor);
  float* dx = f32(dx_tensor);
  const int64_t sample = place.height * place.width;
  if (h == place.height && w == place.width) {
    for_each(stream, "resample_bwd", elements(dx_tensor), EQV_LAMBDA(int64_t i) {
      const int64_t pixel = i / c, n = pixel / sample, row = pixel % sample / w, column = pixel % w;
      dx[i] = dy[(n * sample + place.origin + row * place.row + column * place.column) * c + i % c];
    });
    return;
  }
  const Tables t = tables_of(stream, p, dx_tensor, place);
  for_each(stream, "resample_bwd", elements(dx_tensor), EQV_LAMBDA(int64_t i) {
    const int64_t pixel = i / c, n = pixel / (h * w), a = pixel / w % h, b = pixel % w;
    int64_t first_row, last_row, first_column, last_column;
    t.rows.readers(a, place.height, first_row, last_row);
    t.columns.readers(b, place.width, first_column, last_column);
    float sum = 0;
    for (int64_t row = first_row; row < last_row; ++row) {
      float line = 0;
      for (int64_t column = first_column; column < last_column; ++column)
        line += t.columns.at(column, b) *
                dy[(n * sample + place.origin + row * place.row + column * place.column) * c + i % c];
      sum += t.rows.at(row, a) * line;
    }
    dx[i] = sum;
  });
}

}  // namespace eqv::backend
