// Gated branches: x + gate y with a gate per sample and channel, and silu(a) b.
#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr int64_t kChunkRows = 64;  // the gate's gradient of a chunk is summed in fp32, chunks in double

EQV_SIMD void gated_row(const float* x, const float* gate, const float* y, int64_t n, float* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = x[i] + gate[i] * y[i];
}

EQV_SIMD void gated_row_gradient(const float* dout, const float* gate, const float* y, int64_t n, float* dy, float* sum) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    sum[i] += dout[i] * y[i];
    dy[i] = gate[i] * dout[i];
  }
}

EQV_SIMD void unit_row(const float* x, int64_t half, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < half; ++i) y[i] = silu32(x[i]) * x[half + i];
}

EQV_SIMD void unit_row_gradient(const float* dy, const float* x, int64_t half, float* dx) {
#pragma omp simd
  for (int64_t i = 0; i < half; ++i) {
    const float a = x[i], b = x[half + i];
    dx[i] = dy[i] * b * silu_slope32(a);
    dx[half + i] = dy[i] * silu32(a);
  }
}

}  // namespace

void gated_add_fwd(Stream& stream, const Tensor& x, const Tensor& gate, const Tensor& y, const Tensor& out) {
  const int64_t n = channels_of(x), rows = rows_of(x), rows_of_sample = rows / x.shape[0];
  parallel_for(stream, rows, grain(n), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      gated_row(f32(x) + row * n, f32(gate) + row / rows_of_sample * n, f32(y) + row * n, n, f32(out) + row * n);
  });
}

void gated_add_bwd(Stream& stream, const Tensor& dout, const Tensor& gate, const Tensor& y, const Tensor& dgate,
                   const Tensor& dy) {
  const int64_t n = channels_of(y), samples = y.shape[0], rows = rows_of(y) / samples;
  const int64_t chunks = ceil_div(rows, kChunkRows);
  Workspace workspace(stream, Workspace::bytes<float>(samples * chunks * n));
  float* sums = workspace.take<float>(samples * chunks * n);
  parallel_for(stream, samples * chunks, grain(n * std::min(rows, kChunkRows)), [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t sample = chunk / chunks, first = sample * rows + chunk % chunks * kChunkRows;
      const int64_t last = std::min(first + kChunkRows, (sample + 1) * rows);
      std::fill_n(sums + chunk * n, n, 0.0f);
      for (int64_t row = first; row < last; ++row)
        gated_row_gradient(f32(dout) + row * n, f32(gate) + sample * n, f32(y) + row * n, n, f32(dy) + row * n,
                           sums + chunk * n);
    }
  });
  parallel_for(stream, samples, grain(chunks * n), [&](int64_t begin, int64_t end) {
    for (int64_t sample = begin; sample < end; ++sample)
      for (int64_t c = 0; c < n; ++c) {
        double sum = 0;
        for (int64_t i = sample * chunks; i < (sample + 1) * chunks; ++i) sum += static_cast<double>(sums[i * n + c]);
        f32(dgate)[sample * n + c] = static_cast<float>(sum);
      }
  });
}

void gated_unit_fwd(Stream& stream, const Tensor& x, const Tensor& y) {
  const int64_t half = channels_of(y);
  parallel_for(stream, rows_of(y), grain(half), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) unit_row(f32(x) + row * 2 * half, half, f32(y) + row * half);
  });
}

void gated_unit_bwd(Stream& stream, const Tensor& dy, const Tensor& x, const Tensor& dx) {
  const int64_t half = channels_of(dy);
  parallel_for(stream, rows_of(dy), grain(half), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      unit_row_gradient(f32(dy) + row * half, f32(x) + row * 2 * half, half, f32(dx) + row * 2 * half);
  });
}

}  // namespace eqv::backend
