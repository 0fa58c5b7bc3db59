// What group norm and batch norm share: statistics and gradients of NHWC data per channel and group.
//
// Channels are the innermost dimension, often fewer than a vector register holds. So rows are taken in blocks of
// `block` rows, which are contiguous and `width` = block * channels >= 64 floats wide; per-channel values are repeated
// `block` times, and sums over a block's columns are folded into channels only once per chunk. A chunk is what one
// call sums in fp32 (at most a few hundred additions deep); chunks are combined in double, in index order. Their size
// depends on the shape alone, so results do not depend on the number of threads.
#pragma once

#include "parallel.h"

namespace eqv::cpu {

struct RowPlan {
  RowPlan(int64_t rows, int64_t channels);

  int64_t rows, channels;  // of one sample
  int64_t block, width;    // rows side by side; block * channels
  int64_t chunk_rows, chunks;

  int64_t begin(int64_t chunk) const { return chunk * chunk_rows; }
  int64_t count(int64_t chunk) const { return std::min(chunk_rows, rows - begin(chunk)); }
};

// Repeats value[channels] plan.block times.
void widen(const RowPlan& plan, const float* value, float* wide);

struct Moments {
  double mean, m2;  // m2: sum of squared differences from the mean
};

// Moments of every group of one chunk at x (its first row), `rows` rows. work: moments_work(plan) floats.
int64_t moments_work(const RowPlan& plan);
void chunk_moments(const RowPlan& plan, const float* x, int64_t rows, int64_t groups, float* work, Moments* out);
// Combines the chunks' moments of one group: parts[chunk * stride].
Moments combine_moments(const RowPlan& plan, const Moments* parts, int64_t stride, int64_t channels_per_group);

// One sample's mean and 1/sqrt(variance + eps) of every group, from its chunks' moments: out[2 * groups].
void write_statistics(const RowPlan& plan, const Moments* parts, int64_t groups, double eps, float* out);
// The same for all of x, to stats{N, groups, 2}.
void group_statistics(Stream& stream, int64_t groups, double eps, const Tensor& x, const Tensor& stats);

// What the apply and gradient passes read per column; each array is plan.width long.
struct Columns {
  float *mean, *rstd, *gamma, *beta;
  float *shift, *slope;  // backward: dx = rstd gamma dz - shift - xhat slope
};
inline int64_t columns_size(const RowPlan& plan) { return 6 * ceil_div(plan.width, 16) * 16; }
Columns columns_at(const RowPlan& plan, float* memory);

// y = (x - mean) rstd gamma + beta, then SiLU if asked.
void apply(const RowPlan& plan, const Columns& k, const float* x, int64_t rows, bool silu, float* y);

// With z = xhat gamma + beta, dz = dy, or dy silu'(z): sums per channel of dz xhat and of dz, to out[2 * channels].
// work: gradient_work(plan) floats.
int64_t gradient_work(const RowPlan& plan);
void chunk_gradients(const RowPlan& plan, const Columns& k, const float* dy, const float* x, int64_t rows, bool silu,
                     float* work, float* out);
// dx = rstd gamma dz - shift - xhat slope
void apply_gradients(const RowPlan& plan, const Columns& k, const float* dy, const float* x, int64_t rows, bool silu,
                     float* dx);

// sum += x
void add(const float* x, int64_t n, float* sum);

// Runs first(sample, chunk, thread) on every chunk, then between(sample), then last(sample, chunk, thread) on every
// chunk. If there are enough samples, one thread does all of a sample, which then stays in its cache; otherwise all
// threads share the chunks. Both give the same bits.
template <class First, class Between, class Last>
void over_samples(Stream& stream, int64_t samples, const RowPlan& plan, First&& first, Between&& between,
                  Last&& last) {
  const int64_t threads = stream.device->threads;
  if (samples % threads == 0 || samples >= 4 * threads) {
    parallel_for(stream, samples, grain(plan.rows * plan.channels), [&](int64_t begin, int64_t end, int thread) {
      for (int64_t n = begin; n < end; ++n) {
        for (int64_t i = 0; i < plan.chunks; ++i) first(n, i, thread);
        between(n);
        // The last chunks of the first pass are still in the cache.
        for (int64_t i = plan.chunks; i-- > 0;) last(n, i, thread);
      }
    });
    return;
  }
  const auto chunks = [&](auto&& pass) {
    parallel_for(stream, samples * plan.chunks, grain(plan.chunk_rows * plan.channels), [&](int64_t begin, int64_t end, int thread) {
      for (int64_t i = begin; i < end; ++i) pass(i / plan.chunks, i % plan.chunks, thread);
    });
  };
  chunks(first);
  parallel_for(stream, samples, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) between(n);
  });
  chunks(last);
}

}  // namespace eqv::cpu
