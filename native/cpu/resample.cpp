// τ: resize, quarter turns clockwise, flips. Resizing is separable: whole rows first, then columns; the turn and the
// flips only change where a pixel of the resized image lies in y. Without resizing τ is a copy, bit by bit.
#include <cstring>

#include "parallel.h"
#include "resample/axis_weights.h"
#include "resample/placement.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;
using resample::Axis;
using resample::Filter;
using resample::Placement;
using resample::placement_of;
using Table = resample::Table<float>;

namespace {

int64_t table_bytes(int64_t rows, int64_t entries) {
  return Workspace::bytes<int64_t>(rows + 1) + Workspace::bytes<int32_t>(entries) + Workspace::bytes<float>(entries);
}

Table table_at(Workspace& workspace, int64_t rows, int64_t entries) {
  Table t;
  t.start = workspace.take<int64_t>(rows + 1);
  t.column = workspace.take<int32_t>(entries);
  t.weight = workspace.take<float>(entries);
  return t;
}

// out = sum of weight[e] * rows of `in`; the first term assigns.
EQV_SIMD void mix_rows(const float* in, int64_t pitch, const int32_t* column, const float* weight, int64_t entries,
                       int64_t n, float* out) {
  if (entries == 2) {
    const float *a = in + column[0] * pitch, *b = in + column[1] * pitch;
    const float u = weight[0], v = weight[1];
#pragma omp simd
    for (int64_t j = 0; j < n; ++j) out[j] = u * a[j] + v * b[j];
    return;
  }
  for (int64_t j = 0; j < n; ++j) out[j] = 0;
  for (int64_t e = 0; e < entries; ++e) {
    const float* a = in + column[e] * pitch;
    const float u = weight[e];
#pragma omp simd
    for (int64_t j = 0; j < n; ++j) out[j] += u * a[j];
  }
}

// Pixel r of the result, placed `step` floats apart, is the weighted sum of pixels of the line `in`.
EQV_SIMD void mix_columns(const float* in, const Table& table, int64_t pixels, int64_t channels, float* out,
                          int64_t step) {
  for (int64_t r = 0; r < pixels; ++r) {
    const int64_t begin = table.start[r], end = table.start[r + 1];
    float* o = out + r * step;
    for (int64_t c = 0; c < channels; ++c) o[c] = 0;
    for (int64_t e = begin; e < end; ++e) {
      const float* a = in + table.column[e] * channels;
      const float u = table.weight[e];
#pragma omp simd
      for (int64_t c = 0; c < channels; ++c) o[c] += u * a[c];
    }
  }
}

// The same for few channels, known to the compiler: sums stay in registers.
template <int kChannels>
EQV_INLINE void mix_few(const float* in, const Table& table, int64_t pixels, float* out, int64_t step) {
  for (int64_t r = 0; r < pixels; ++r) {
    float sum[kChannels] = {};
    for (int64_t e = table.start[r]; e < table.start[r + 1]; ++e) {
      const float* a = in + table.column[e] * kChannels;
      const float u = table.weight[e];
      for (int c = 0; c < kChannels; ++c) sum[c] += u * a[c];
    }
    for (int c = 0; c < kChannels; ++c) out[r * step + c] = sum[c];
  }
}

EQV_SIMD void mix_columns1(const float* in, const Table& table, int64_t pixels, float* out, int64_t step) {
  mix_few<1>(in, table, pixels, out, step);
}

EQV_SIMD void mix_columns3(const float* in, const Table& table, int64_t pixels, float* out, int64_t step) {
  mix_few<3>(in, table, pixels, out, step);
}

EQV_SIMD void mix_columns4(const float* in, const Table& table, int64_t pixels, float* out, int64_t step) {
  mix_few<4>(in, table, pixels, out, step);
}

void mix_line(const float* in, const Table& table, int64_t pixels, int64_t channels, float* out, int64_t step) {
  switch (channels) {
    case 1: return mix_columns1(in, table, pixels, out, step);
    case 3: return mix_columns3(in, table, pixels, out, step);
    case 4: return mix_columns4(in, table, pixels, out, step);
    default: return mix_columns(in, table, pixels, channels, out, step);
  }
}

// Copies `n` pixels between lines with a step between pixels, in floats.
void copy_pixels(const float* in, int64_t in_step, float* out, int64_t out_step, int64_t n, int64_t channels) {
  if (in_step == channels && out_step == channels) {
    std::memcpy(out, in, static_cast<size_t>(n * channels) * sizeof(float));
    return;
  }
  for (int64_t i = 0; i < n; ++i)
    std::memcpy(out + i * out_step, in + i * in_step, static_cast<size_t>(channels) * sizeof(float));
}

struct Axes {
  Axis rows, columns;
};

Axes axes_of(const eqv_resample_params& p, const Tensor& x, const Placement& place) {
  const auto filter = static_cast<Filter>(p.interpolation);
  return {{x.shape[1], place.height, filter}, {x.shape[2], place.width, filter}};
}

}  // namespace

void resample_fwd(Stream& stream, const eqv_resample_params& p, const Tensor& x, const Tensor& y) {
  const int64_t samples = x.shape[0], channels = x.shape[3];
  const Placement place = placement_of(p, y);
  const Axes axes = axes_of(p, x, place);
  const int64_t in_sample = x.shape[1] * x.shape[2] * channels, in_row = x.shape[2] * channels;
  const int64_t out_sample = place.height * place.width * channels, step = place.column * channels;
  const auto target = [&](int64_t n, int64_t r) {
    return f32(y) + n * out_sample + (place.origin + r * place.row) * channels;
  };
  const int64_t lines = samples * place.height;
  if (x.shape[1] == place.height && x.shape[2] == place.width) {
    parallel_for(stream, lines, grain(place.width * channels, Cost::kTable), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        copy_pixels(f32(x) + i * in_row, channels, target(i / place.height, i % place.height), step, place.width,
                    channels);
    });
    return;
  }
  const int64_t row_taps = resample::max_taps(axes.rows), column_taps = resample::max_taps(axes.columns);
  const int64_t row_entries = axes.rows.out * row_taps, column_entries = axes.columns.out * column_taps;
  const int64_t threads = stream.device->threads, line = ceil_div(in_row, 16) * 16;
  Workspace workspace(stream, table_bytes(axes.rows.out, row_entries) +
                                  table_bytes(axes.columns.out, column_entries) +
                                  Workspace::bytes<double>(std::max(row_taps, column_taps)) +
                                  Workspace::bytes<float>(threads * line));
  const Table rows = table_at(workspace, axes.rows.out, row_entries);
  const Table columns = table_at(workspace, axes.columns.out, column_entries);
  double* work = workspace.take<double>(std::max(row_taps, column_taps));
  float* buffers = workspace.take<float>(threads * line);
  fill(axes.rows, work, rows);
  fill(axes.columns, work, columns);

  parallel_for(stream, lines, grain(place.width * channels, Cost::kTable), [&](int64_t begin, int64_t end, int thread) {
    float* buffer = buffers + thread * line;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t n = i / place.height, r = i % place.height, e = rows.start[r];
      mix_rows(f32(x) + n * in_sample, in_row, rows.column + e, rows.weight + e, rows.start[r + 1] - e, in_row, buffer);
      mix_line(buffer, columns, place.width, channels, target(n, r), step);
    }
  });
}

void resample_bwd(Stream& stream, const eqv_resample_params& p, const Tensor& dy, const Tensor& dx) {
  const int64_t samples = dx.shape[0], channels = dx.shape[3];
  const Placement place = placement_of(p, dy);
  const Axes axes = axes_of(p, dx, place);
  const int64_t in_height = dx.shape[1], in_width = dx.shape[2], in_row = in_width * channels;
  const int64_t out_row = place.width * channels, out_sample = place.height * out_row, step = place.column * channels;
  const auto source = [&](int64_t n, int64_t r) {
    return f32(dy) + n * out_sample + (place.origin + r * place.row) * channels;
  };
  const int64_t lines = samples * place.height;
  if (in_height == place.height && in_width == place.width) {
    parallel_for(stream, lines, grain(in_row, Cost::kTable), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        copy_pixels(source(i / place.height, i % place.height), step, f32(dx) + i * in_row, channels, in_width,
                    channels);
    });
    return;
  }
  const int64_t row_taps = resample::max_taps(axes.rows), column_taps = resample::max_taps(axes.columns);
  const int64_t row_entries = axes.rows.out * row_taps, column_entries = axes.columns.out * column_taps;
  const int64_t threads = stream.device->threads, line = ceil_div(out_row, 16) * 16;
  const int64_t most_rows = std::max(axes.rows.out, axes.columns.out);
  const int64_t most_entries = std::max(row_entries, column_entries);
  Workspace workspace(stream, table_bytes(axes.rows.in, row_entries) + table_bytes(axes.columns.in, column_entries) +
                                  table_bytes(most_rows, most_entries) +
                                  Workspace::bytes<double>(std::max(row_taps, column_taps)) +
                                  Workspace::bytes<float>(threads * line) +
                                  Workspace::bytes<float>(lines * in_row));
  const Table rows = table_at(workspace, axes.rows.in, row_entries);  // transposed: a row per row of dx
  const Table columns = table_at(workspace, axes.columns.in, column_entries);
  const Table forward = table_at(workspace, most_rows, most_entries);
  double* work = workspace.take<double>(std::max(row_taps, column_taps));
  float* buffers = workspace.take<float>(threads * line);
  float* narrowed = workspace.take<float>(lines * in_row);  // the columns' adjoint applied, the rows' not yet
  fill(axes.rows, work, forward);
  transpose(axes.rows, forward, rows);
  fill(axes.columns, work, forward);
  transpose(axes.columns, forward, columns);

  parallel_for(stream, lines, grain(out_row, Cost::kTable), [&](int64_t begin, int64_t end, int thread) {
    float* buffer = buffers + thread * line;
    for (int64_t i = begin; i < end; ++i) {
      copy_pixels(source(i / place.height, i % place.height), step, buffer, channels, place.width, channels);
      mix_line(buffer, columns, in_width, channels, narrowed + i * in_row, channels);
    }
  });
  parallel_for(stream, samples * in_height, grain(in_row, Cost::kTable), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t n = i / in_height, r = i % in_height, e = rows.start[r];
      mix_rows(narrowed + n * place.height * in_row, in_row, rows.column + e, rows.weight + e, rows.start[r + 1] - e,
               in_row, f32(dx) + i * in_row);
    }
  });
}

}  // namespace eqv::backend
