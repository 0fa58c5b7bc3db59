#include "norm.h"

#include <cmath>
#include <cstring>

#include "simd.h"

namespace eqv::cpu {
namespace {

constexpr int64_t kChunkElements = 32768;  // 128 KiB: stays in the second-level cache, and sums stay shallow

EQV_SIMD void add_values(const float* x, int64_t n, float* sum) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) sum[i] += x[i];
}

// sum += x - shift, squares += (x - shift)^2 over n floats in blocks of `width`; four blocks at a time, as a tree.
EQV_SIMD void shifted_sums(const float* x, int64_t n, int64_t width, const float* shift, float* sum, float* squares) {
  int64_t i = 0;
  for (; i + 4 * width <= n; i += 4 * width) {
    const float *a = x + i, *b = a + width, *c = b + width, *d = c + width;
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) {
      const float s = shift[j];
      const float da = a[j] - s, db = b[j] - s, dc = c[j] - s, dd = d[j] - s;
      sum[j] += (da + db) + (dc + dd);
      squares[j] += (da * da + db * db) + (dc * dc + dd * dd);
    }
  }
  for (; i < n; i += width) {
    const int64_t m = n - i < width ? n - i : width;
    const float* a = x + i;
#pragma omp simd
    for (int64_t j = 0; j < m; ++j) {
      const float da = a[j] - shift[j];
      sum[j] += da;
      squares[j] += da * da;
    }
  }
}

EQV_SIMD void add_blocks(const float* x, int64_t n, int64_t width, float* sum) {
  for (int64_t i = 0; i < n; i += width) {
    const int64_t m = n - i < width ? n - i : width;
    const float* a = x + i;
#pragma omp simd
    for (int64_t j = 0; j < m; ++j) sum[j] += a[j];
  }
}

// The sum over the rows of a block of one channel's column.
double fold(const RowPlan& plan, const float* columns, int64_t channel) {
  double sum = 0;
  for (int64_t j = channel; j < plan.width; j += plan.channels) sum += columns[j];
  return sum;
}

EQV_SIMD void affine_rows(const float* x, int64_t n, int64_t width, const float* mean, const float* rstd,
                          const float* gamma, const float* beta, float* y) {
  for (int64_t i = 0; i < n; i += width) {
    const int64_t m = n - i < width ? n - i : width;
    const float* a = x + i;
    float* b = y + i;
#pragma omp simd
    for (int64_t j = 0; j < m; ++j) b[j] = (a[j] - mean[j]) * rstd[j] * gamma[j] + beta[j];
  }
}

EQV_SIMD void affine_silu_rows(const float* x, int64_t n, int64_t width, const float* mean, const float* rstd,
                               const float* gamma, const float* beta, float* y) {
  for (int64_t i = 0; i < n; i += width) {
    const int64_t m = n - i < width ? n - i : width;
    const float* a = x + i;
    float* b = y + i;
#pragma omp simd
    for (int64_t j = 0; j < m; ++j) b[j] = silu32((a[j] - mean[j]) * rstd[j] * gamma[j] + beta[j]);
  }
}

EQV_SIMD void gradient_rows(const float* dy, const float* x, int64_t n, int64_t width, const float* mean,
                            const float* rstd, float* products, float* sums) {
  int64_t i = 0;
  for (; i + 2 * width <= n; i += 2 * width) {
    const float *a = x + i, *b = a + width, *da = dy + i, *db = da + width;
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) {
      const float ha = (a[j] - mean[j]) * rstd[j], hb = (b[j] - mean[j]) * rstd[j];
      products[j] += da[j] * ha + db[j] * hb;
      sums[j] += da[j] + db[j];
    }
  }
  for (; i < n; i += width) {
    const int64_t m = n - i < width ? n - i : width;
    const float *a = x + i, *da = dy + i;
#pragma omp simd
    for (int64_t j = 0; j < m; ++j) {
      products[j] += da[j] * ((a[j] - mean[j]) * rstd[j]);
      sums[j] += da[j];
    }
  }
}

EQV_SIMD void gradient_silu_rows(const float* dy, const float* x, int64_t n, int64_t width, const float* mean,
                                 const float* rstd, const float* gamma, const float* beta, float* products,
                                 float* sums) {
  for (int64_t i = 0; i < n; i += width) {
    const int64_t m = n - i < width ? n - i : width;
    const float *a = x + i, *d = dy + i;
#pragma omp simd
    for (int64_t j = 0; j < m; ++j) {
      const float h = (a[j] - mean[j]) * rstd[j];
      const float dz = d[j] * silu_slope32(h * gamma[j] + beta[j]);
      products[j] += dz * h;
      sums[j] += dz;
    }
  }
}

EQV_SIMD void input_gradient_rows(const float* dy, const float* x, int64_t n, int64_t width, const Columns& k,
                                  float* dx) {
  const float *mean = k.mean, *rstd = k.rstd, *gamma = k.gamma, *shift = k.shift, *slope = k.slope;
  for (int64_t i = 0; i < n; i += width) {
    const int64_t m = n - i < width ? n - i : width;
    const float *a = x + i, *d = dy + i;
    float* out = dx + i;
#pragma omp simd
    for (int64_t j = 0; j < m; ++j) {
      const float h = (a[j] - mean[j]) * rstd[j];
      out[j] = rstd[j] * gamma[j] * d[j] - shift[j] - h * slope[j];
    }
  }
}

EQV_SIMD void input_gradient_silu_rows(const float* dy, const float* x, int64_t n, int64_t width, const Columns& k,
                                       float* dx) {
  const float *mean = k.mean, *rstd = k.rstd, *gamma = k.gamma, *beta = k.beta, *shift = k.shift, *slope = k.slope;
  for (int64_t i = 0; i < n; i += width) {
    const int64_t m = n - i < width ? n - i : width;
    const float *a = x + i, *d = dy + i;
    float* out = dx + i;
#pragma omp simd
    for (int64_t j = 0; j < m; ++j) {
      const float h = (a[j] - mean[j]) * rstd[j];
      const float dz = d[j] * silu_slope32(h * gamma[j] + beta[j]);
      out[j] = rstd[j] * gamma[j] * dz - shift[j] - h * slope[j];
    }
  }
}

}  // namespace

RowPlan::RowPlan(int64_t rows, int64_t channels) : rows(rows), channels(channels) {
  block = std::min(rows, ceil_div(64, channels));
  width = block * channels;
  chunk_rows = std::min(rows, std::max<int64_t>(8, kChunkElements / width) * block);
  chunks = ceil_div(rows, chunk_rows);
}

void widen(const RowPlan& plan, const float* value, float* wide) {
  for (int64_t i = 0; i < plan.block; ++i)
    std::memcpy(wide + i * plan.channels, value, static_cast<size_t>(plan.channels) * sizeof(float));
}

int64_t moments_work(const RowPlan& plan) { return 3 * ceil_div(plan.width, 16) * 16; }

void chunk_moments(const RowPlan& plan, const float* x, int64_t rows, int64_t groups, float* work, Moments* out) {
  const int64_t pitch = ceil_div(plan.width, 16) * 16;
  float *shift = work, *sum = work + pitch, *squares = sum + pitch;
  const auto clear = [&](float* p) { std::memset(p, 0, static_cast<size_t>(plan.width) * sizeof(float)); };
  // Differences are taken from the mean of the chunk's first rows, so that squares do not cancel when the mean is
  // large beside the deviation.
  const int64_t first = std::min(rows, 8 * plan.block);
  clear(sum);
  add_blocks(x, first * plan.channels, plan.width, sum);
  for (int64_t c = 0; c < plan.channels; ++c)
    shift[c] = static_cast<float>(fold(plan, sum, c) / static_cast<double>(first));
  for (int64_t i = 1; i < plan.block; ++i)
    std::memcpy(shift + i * plan.channels, shift, static_cast<size_t>(plan.channels) * sizeof(float));
  clear(sum);
  clear(squares);
  shifted_sums(x, rows * plan.channels, plan.width, shift, sum, squares);

  const int64_t size = plan.channels / groups;
  const double count = static_cast<double>(rows), per_row = 1 / count;
  for (int64_t g = 0; g < groups; ++g) {
    double mean = 0, m2 = 0;  // of the channels so far
    for (int64_t i = 0; i < size; ++i) {
      const int64_t c = g * size + i;
      const double s = fold(plan, sum, c);
      const double channel_mean = shift[c] + s * per_row;
      m2 += fold(plan, squares, c) - s * s * per_row;
      const double d = channel_mean - mean, k = static_cast<double>(i) + 1;
      mean += d / k;
      m2 += d * d * count * (k - 1) / k;
    }
    out[g] = {mean, m2 < 0 ? 0 : m2};
  }
}

Moments combine_moments(const RowPlan& plan, const Moments* parts, int64_t stride, int64_t channels_per_group) {
  double mean = 0, m2 = 0;
  for (int64_t i = 0; i < plan.chunks; ++i) mean += parts[i * stride].mean * static_cast<double>(plan.count(i));
  mean /= static_cast<double>(plan.rows);
  for (int64_t i = 0; i < plan.chunks; ++i) {
    const double d = parts[i * stride].mean - mean;
    m2 += parts[i * stride].m2 + d * d * static_cast<double>(plan.count(i) * channels_per_group);
  }
  return {mean, m2};
}

void write_statistics(const RowPlan& plan, const Moments* parts, int64_t groups, double eps, float* out) {
  const int64_t size = plan.channels / groups;
  for (int64_t g = 0; g < groups; ++g) {
    const Moments m = combine_moments(plan, parts + g, groups, size);
    out[2 * g] = static_cast<float>(m.mean);
    out[2 * g + 1] = static_cast<float>(1 / std::sqrt(m.m2 / static_cast<double>(plan.rows * size) + eps));
  }
}

void group_statistics(Stream& stream, int64_t groups, double eps, const Tensor& x, const Tensor& stats) {
  const int64_t samples = x.shape[0], channels = x.shape[3];
  const RowPlan plan(x.shape[1] * x.shape[2], channels);
  const int64_t sample = plan.rows * channels, work = moments_work(plan), threads = stream.device->threads;
  Workspace workspace(stream, Workspace::bytes<float>(threads * work) +
                                  Workspace::bytes<Moments>(samples * plan.chunks * groups));
  float* thread_work = workspace.take<float>(threads * work);
  Moments* parts = workspace.take<Moments>(samples * plan.chunks * groups);
  over_samples(
      stream, samples, plan,
      [&](int64_t n, int64_t i, int thread) {
        chunk_moments(plan, f32(x) + n * sample + plan.begin(i) * channels, plan.count(i), groups,
                      thread_work + thread * work, parts + (n * plan.chunks + i) * groups);
      },
      [&](int64_t n) {
        write_statistics(plan, parts + n * plan.chunks * groups, groups, eps, f32(stats) + n * groups * 2);
      },
      [](int64_t, int64_t, int) {});
}

Columns columns_at(const RowPlan& plan, float* memory) {
  const int64_t pitch = ceil_div(plan.width, 16) * 16;
  const auto at = [&](int64_t i) { return memory + i * pitch; };
  return {at(0), at(1), at(2), at(3), at(4), at(5)};
}

void apply(const RowPlan& plan, const Columns& k, const float* x, int64_t rows, bool silu, float* y) {
  (silu ? affine_silu_rows : affine_rows)(x, rows * plan.channels, plan.width, k.mean, k.rstd, k.gamma, k.beta, y);
}

int64_t gradient_work(const RowPlan& plan) { return 2 * ceil_div(plan.width, 16) * 16; }

void chunk_gradients(const RowPlan& plan, const Columns& k, const float* dy, const float* x, int64_t rows, bool silu,
                     float* work, float* out) {
  const int64_t n = rows * plan.channels, pitch = ceil_div(plan.width, 16) * 16;
  float *products = work, *sums = work + pitch;
  std::memset(work, 0, static_cast<size_t>(2 * pitch) * sizeof(float));
  if (silu)
    gradient_silu_rows(dy, x, n, plan.width, k.mean, k.rstd, k.gamma, k.beta, products, sums);
  else
    gradient_rows(dy, x, n, plan.width, k.mean, k.rstd, products, sums);
  for (int64_t c = 0; c < plan.channels; ++c) {
    out[c] = static_cast<float>(fold(plan, products, c));
    out[plan.channels + c] = static_cast<float>(fold(plan, sums, c));
  }
}

void apply_gradients(const RowPlan& plan, const Columns& k, const float* dy, const float* x, int64_t rows, bool silu,
                     float* dx) {
  (silu ? input_gradient_silu_rows : input_gradient_rows)(dy, x, rows * plan.channels, plan.width, k, dx);
}

void add(const float* x, int64_t n, float* sum) { add_values(x, n, sum); }

}  // namespace eqv::cpu
