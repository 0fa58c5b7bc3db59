// Batch norm in three passes: sums of chunks of pixels (common/columns.h), statistics of each channel, the elementwise rest.
#include "common/columns.h"

namespace eqv::backend {

using namespace gpu;

namespace {

ColumnShape shape_of(const Tensor& x) { return {1, elements(x) / x.shape[3], x.shape[3]}; }

// The sums of dy·x̂ and of dy.
struct Terms {
  Values dy, x;
  const float* stats;

  template <int kWide>
  struct Column {
    Values dy, x;
    float mean[kWide], rstd[kWide];

    __device__ Column(const Terms& t, int64_t, int64_t, int64_t c) : dy(t.dy), x(t.x) {
      for (int i = 0; i < kWide; ++i) {
        mean[i] = t.stats[2 * (c + i)];
        rstd[i] = t.stats[2 * (c + i) + 1];
      }
    }
    __device__ void add(int64_t at, float (&sums)[kWide][2]) const {
      float hat[kWide], d[kWide];
      x.load(at, hat);
      dy.load(at, d);
      for (int i = 0; i < kWide; ++i) {
        sums[i][0] += d[i] * ((hat[i] - mean[i]) * rstd[i]);
        sums[i][1] += d[i];
      }
    }
  };
};

// The statistics and the running statistics of all channels.
struct Statistics {
  ChunkCounts chunks;
  int64_t channels;
  double eps, momentum, share, unbiased;  // unbiased: rows / (rows − 1)
  int32_t training;
  Values x;
  const double* parts;
  float *running_mean, *running_var, *stats;
};

// A block per channel.
__global__ void __launch_bounds__(kThreads) batch_statistics(Statistics s) {
  BlockScratch& scratch = shared_memory<BlockScratch>();
  const int c = static_cast<int>(blockIdx.x);
  Spread batch{};
  if (s.training) batch = block_spread(s.chunks, s.x, s.parts, 0, s.channels, c, 1, s.share, scratch);
  if (threadIdx.x != 0) return;
  const double mean = s.running_mean[c], variance = s.running_var[c];
  if (s.training) {
    s.running_mean[c] = static_cast<float>((1 - s.momentum) * mean + s.momentum * batch.mean);
    s.running_var[c] = static_cast<float>((1 - s.momentum) * variance + s.momentum * (batch.variance * s.unbiased));
  } else {
    batch = {mean, variance};
  }
  s.stats[2 * c] = static_cast<float>(batch.mean);
  s.stats[2 * c + 1] = static_cast<float>(rsqrt(batch.variance + s.eps));
}

struct Forward {
  Values x, y;
  const float *gamma, *beta, *stats;

  template <int kWide>
  struct Column {
    Values x, y;
    float mean[kWide], rstd[kWide], gamma[kWide], beta[kWide];

    __device__ Column(const Forward& f, int64_t, int64_t, int64_t c) : x(f.x), y(f.y) {
      for (int i = 0; i < kWide; ++i) {
        mean[i] = f.stats[2 * (c + i)];
        rstd[i] = f.stats[2 * (c + i) + 1];
        gamma[i] = f.gamma[c + i];
        beta[i] = f.beta[c + i];
      }
    }
    __device__ void apply(int64_t at) const {
      float v[kWide];
      x.load(at, v);
      for (int i = 0; i < kWide; ++i) v[i] = (v[i] - mean[i]) * rstd[i] * gamma[i] + beta[i];
      y.store(at, v);
    }
  };
};

struct Backward {
  Terms terms;
  Values dx;
  const float *gamma, *means;

  template <int kWide>
  struct Column {
    Terms::Column<kWide> t;
    Values dx;
    float gamma[kWide], by_hat[kWide], constant[kWide];

    __device__ Column(const Backward& b, int64_t n, int64_t first, int64_t c) : t(b.terms, n, first, c), dx(b.dx) {
      for (int i = 0; i < kWide; ++i) {
        gamma[i] = b.gamma[c + i];
        by_hat[i] = b.means[2 * (c + i)];
        constant[i] = b.means[2 * (c + i) + 1];
      }
    }
    __device__ void apply(int64_t at) const {
      float v[kWide], d[kWide];
      t.x.load(at, v);
      t.dy.load(at, d);
      for (int i = 0; i < kWide; ++i)
        d[i] = t.rstd[i] * gamma[i] * d[i] - constant[i] - (v[i] - t.mean[i]) * t.rstd[i] * by_hat[i];
      dx.store(at, d);
    }
  };
};

}  // namespace

void batch_norm_fwd(Stream& stream, const eqv_batch_norm_params& p, const Tensor& x_tensor, const Tensor& gamma_tensor,
                    const Tensor& beta_tensor, const Tensor& running_mean, const Tensor& running_var,
                    const Tensor& y_tensor, const Tensor& stats_tensor) {
  const ColumnShape shape = shape_of(x_tensor);
  const Values x = values(x_tensor), y = values(y_tensor);
  Workspace workspace(stream, Workspace::bytes<double>(shape.parts() * 2));
  double* parts = workspace.take<double>(shape.parts() * 2);
  if (p.training)
    column_sums<2>(stream, "batch_norm_sums", shape, in_vectors(shape.channels, {&x_tensor}), Shifted{x}, parts);
  const Statistics statistics{.chunks = ChunkCounts(shape),
                              .channels = shape.channels,
                              .eps = p.eps,
                              .momentum = p.momentum,
                              .share = 1 / static_cast<double>(shape.rows),
                              .unbiased = static_cast<double>(shape.rows) / static_cast<double>(std::max<int64_t>(1, shape.rows - 1)),
                              .training = p.training,
                              .x = x,
                              .parts = parts,
                              .running_mean = f32(running_mean),
                              .running_var = f32(running_var),
                              .stats = f32(stats_tensor)};
  launch(stream, "batch_norm_statistics", dim3(static_cast<unsigned>(shape.channels)), dim3(kThreads), sizeof(BlockScratch),
         batch_statistics, statistics);
  column_walk(stream, "batch_norm_fwd", shape, in_vectors(shape.channels, {&x_tensor, &y_tensor}),
              Forward{x, y, f32(gamma_tensor), f32(beta_tensor), f32(stats_tensor)});
}

void batch_norm_bwd(Stream& stream, const eqv_batch_norm_params& p, const Tensor& dy_tensor, const Tensor& x_tensor,
                    const Tensor& gamma_tensor, const Tensor& stats_tensor, const Tensor& dx_tensor,
                    const Tensor& dgamma_tensor, const Tensor& dbeta_tensor) {
  const ColumnShape shape = shape_of(x_tensor);
  const int64_t channels = shape.channels;
  const bool vectors = in_vectors(channels, {&dy_tensor, &x_tensor, &dx_tensor});
  const float *gamma = f32(gamma_tensor), *stats = f32(stats_tensor);
  float *dgamma = f32(dgamma_tensor), *dbeta = f32(dbeta_tensor);
  Workspace workspace(stream, Workspace::bytes<double>(shape.parts() * 2) + Workspace::bytes<float>(channels * 2));
  double* parts = workspace.take<double>(shape.parts() * 2);
  float* means = workspace.take<float>(channels * 2);
  const Terms terms{values(dy_tensor), values(x_tensor), stats};
  column_sums<2>(stream, "batch_norm_bwd_sums", shape, vectors, terms, parts);
  const int32_t training = p.training;
  const double share = 1 / static_cast<double>(shape.rows);
  join_chunks<2>(stream, "batch_norm_bwd_parameters", shape, parts, EQV_LAMBDA(int, int column, double sum) {
    const int c = column / 2;
    (column % 2 == 0 ? dgamma : dbeta)[c] = static_cast<float>(sum);
    // With running statistics mean and rstd are constants.
    const double factor = training ? static_cast<double>(gamma[c]) * stats[2 * c + 1] * share : 0;
    means[column] = static_cast<float>(sum * factor);
  });
  column_walk(stream, "batch_norm_bwd", shape, vectors, Backward{terms, values(dx_tensor), gamma, means});
}

}  // namespace eqv::backend
