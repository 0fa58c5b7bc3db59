// Group norm and an optional SiLU, in three passes each way: sums of chunks of pixels (common/columns.h), statistics of each
// group, and the elementwise rest. Backward, the sums of the chunks are first joined to one for each sample and channel.
#include "group_norm/group_norm.h"

#include <type_traits>

#include "activation/activation.h"
#include "common/columns.h"

namespace eqv::backend {

using namespace gpu;

namespace {

struct Groups {
  int64_t groups, size, channels, pixels;  // size: channels of a group

  // The number of the sample's group that the channel is in. Channels fit 32 bits, whose division is no subroutine on a GPU.
  __device__ int64_t group(int64_t sample, int64_t channel) const {
    return sample * groups + static_cast<int>(channel) / static_cast<int>(size);
  }
};

Groups groups_of(int groups, const Tensor& x) {
  return {groups, x.shape[3] / groups, x.shape[3], x.shape[1] * x.shape[2]};
}

// A block per sample and group: mean and 1/√(variance + eps) from the chunks' shifted sums.
__global__ void __launch_bounds__(kThreads)
    statistics(Groups g, ChunkCounts chunks, double eps, double share, Values x, const double* parts, float* stats) {
  BlockScratch& scratch = shared_memory<BlockScratch>();
  const int groups = static_cast<int>(g.groups), size = static_cast<int>(g.size);
  const int n = static_cast<int>(blockIdx.x) / groups, c0 = static_cast<int>(blockIdx.x) % groups * size;
  const auto [mean, variance] = block_spread(chunks, x, parts, n, g.channels, c0, size, share, scratch);
  if (threadIdx.x == 0) {
    stats[2 * blockIdx.x] = static_cast<float>(mean);
    stats[2 * blockIdx.x + 1] = static_cast<float>(rsqrt(variance + eps));
  }
}

// What is the same for all pixels of kWide neighbouring channels of a sample.
template <int kWide>
struct Affine {
  float mean[kWide], rstd[kWide], gamma[kWide], beta[kWide];

  __device__ Affine(const Groups& g, const float* gammas, const float* betas, const float* stats, int64_t n, int64_t c) {
    for (int i = 0; i < kWide; ++i) {
      const float* s = stats + g.group(n, c + i) * 2;
      mean[i] = s[0];
      rstd[i] = s[1];
      gamma[i] = gammas[c + i];
      beta[i] = betas[c + i];
    }
  }
};

template <bool kSilu>
struct Forward {
  Groups g;
  Values x, y;
  const float *gamma, *beta, *stats;

  template <int kWide>
  struct Column {
    Values x, y;
    Affine<kWide> a;

    __device__ Column(const Forward& f, int64_t n, int64_t, int64_t c)
        : x(f.x), y(f.y), a(f.g, f.gamma, f.beta, f.stats, n, c) {}

    __device__ void apply(int64_t at) const {
      float v[kWide];
      x.load(at, v);
      for (int i = 0; i < kWide; ++i) {
        const float z = (v[i] - a.mean[i]) * a.rstd[i] * a.gamma[i] + a.beta[i];
        v[i] = kSilu ? quick_silu(z) : z;
      }
      y.store(at, v);
    }
  };
};

// The sums of dz·x̂ and of dz, dz being the gradient before the SiLU.
template <bool kSilu>
struct Terms {
  Groups g;
  Values dy, x;
  const float *gamma, *beta, *stats;

  template <int kWide>
  struct Column {
    Values dy, x;
    Affine<kWide> a;

    __device__ Column(const Terms& t, int64_t n, int64_t, int64_t c)
        : dy(t.dy), x(t.x), a(t.g, t.gamma, t.beta, t.stats, n, c) {}

    __device__ void hat_and_gradient(int64_t at, float (&hat)[kWide], float (&dz)[kWide]) const {
      x.load(at, hat);
      dy.load(at, dz);
      for (int i = 0; i < kWide; ++i) {
        hat[i] = (hat[i] - a.mean[i]) * a.rstd[i];
        if constexpr (kSilu) dz[i] *= quick_silu_slope(hat[i] * a.gamma[i] + a.beta[i]);
      }
    }
    __device__ void add(int64_t at, float (&sums)[kWide][2]) const {
      float hat[kWide], dz[kWide];
      hat_and_gradient(at, hat, dz);
      for (int i = 0; i < kWide; ++i) {
        sums[i][0] += dz[i] * hat[i];
        sums[i][1] += dz[i];
      }
    }
  };
};

template <bool kSilu>
struct Backward {
  Terms<kSilu> terms;
  Values residual, dx;  // residual: may be absent
  const float* means;  // per sample and group: rstd times the mean of γ·dz·x̂ and of γ·dz

  template <int kWide>
  struct Column {
    typename Terms<kSilu>::template Column<kWide> terms;
    Values residual, dx;
    float by_hat[kWide], constant[kWide];

    __device__ Column(const Backward& b, int64_t n, int64_t first, int64_t c)
        : terms(b.terms, n, first, c), residual(b.residual), dx(b.dx) {
      for (int i = 0; i < kWide; ++i) {
        const float* m = b.means + b.terms.g.group(n, c + i) * 2;
        by_hat[i] = m[0];
        constant[i] = m[1];
      }
    }

    __device__ void apply(int64_t at) const {
      float hat[kWide], dz[kWide];
      terms.hat_and_gradient(at, hat, dz);
      for (int i = 0; i < kWide; ++i)
        dz[i] = terms.a.rstd[i] * terms.a.gamma[i] * dz[i] - constant[i] - hat[i] * by_hat[i];
      if (residual) {
        residual.load(at, hat);
        for (int i = 0; i < kWide; ++i) dz[i] += hat[i];
      }
      dx.store(at, dz);
    }
  };
};

}  // namespace

void group_norm_fwd(Stream& stream, const eqv_group_norm_params& p, const Tensor& x, const Tensor& gamma,
                    const Tensor& beta, const Tensor& y, const Tensor& stats) {
  const Groups g = groups_of(p.groups, x);
  const ColumnShape shape{x.shape[0], g.pixels, g.channels};
  const bool vectors = in_vectors(g.channels, {&x, &y});
  if (!p.stats_given) group_statistics(stream, p.groups, static_cast<double>(p.eps), x, stats);
  const auto run = [&]<bool kSilu>(std::bool_constant<kSilu>) {
    column_walk(stream, "group_norm_fwd", shape, vectors,
                Forward<kSilu>{.g = g,
                               .x = values(x),
                               .y = values(y),
                               .gamma = f32(gamma),
                               .beta = f32(beta),
                               .stats = f32(stats)});
  };
  if (p.silu) run(std::true_type{});
  else run(std::false_type{});
}

void group_norm_bwd(Stream& stream, const eqv_group_norm_params& p, const Tensor& dy, const Tensor& x,
                    const Tensor& gamma_tensor, const Tensor& beta, const Tensor& stats_tensor, const Tensor* residual,
                    const Tensor& dx, const Tensor& dgamma_tensor, const Tensor& dbeta_tensor) {
  const Groups g = groups_of(p.groups, x);
  const int64_t samples = x.shape[0];
  const ColumnShape shape{samples, g.pixels, g.channels};
  const int size = static_cast<int>(g.size);
  const double share = 1 / static_cast<double>(g.pixels * g.size);
  const bool vectors = in_vectors(g.channels, {&x, &dy, &dx, residual ? residual : &dx});
  const auto terms = [&]<bool kSilu>(std::bool_constant<kSilu>) {
    return Terms<kSilu>{.g = g,
                        .dy = values(dy),
                        .x = values(x),
                        .gamma = f32(gamma_tensor),
                        .beta = f32(beta),
                        .stats = f32(stats_tensor)};
  };
  const int64_t columns = g.channels * 2;  // of the sums
  Workspace workspace(stream, Workspace::bytes<double>(shape.parts() * 2) + Workspace::bytes<double>(samples * columns) +
                                  Workspace::bytes<float>(samples * g.groups * 2));
  double* parts = workspace.take<double>(shape.parts() * 2);
  double* totals = workspace.take<double>(samples * columns);
  float* means = workspace.take<float>(samples * g.groups * 2);
  if (p.silu) column_sums<2>(stream, "group_norm_bwd_sums", shape, vectors, terms(std::true_type{}), parts);
  else column_sums<2>(stream, "group_norm_bwd_sums", shape, vectors, terms(std::false_type{}), parts);
  join_chunks<2>(stream, "group_norm_bwd_totals", shape, parts, EQV_LAMBDA(int n, int column, double sum) {
    totals[n * columns + column] = sum;
  });
  const float *gamma = f32(gamma_tensor), *stats = f32(stats_tensor);
  const int groups = static_cast<int>(g.groups);
  join_columns(
      stream, "group_norm_bwd_means", samples * g.groups, g.size, 2,
      EQV_LAMBDA(int row, int i, int k) -> double {
        const int n = row / groups, c = row % groups * size + i;
        return static_cast<double>(gamma[c]) * totals[n * columns + 2 * c + k];
      },
      EQV_LAMBDA(int row, int k, double sum) {
        means[2 * row + k] = static_cast<float>(sum * stats[2 * row + 1] * share);
      });
  float *dgamma = f32(dgamma_tensor), *dbeta = f32(dbeta_tensor);
  join_columns(
      stream, "group_norm_bwd_parameters", 1, samples, columns,
      EQV_LAMBDA(int, int n, int column) -> double { return totals[n * columns + column]; },
      EQV_LAMBDA(int, int column, double sum) { (column % 2 == 0 ? dgamma : dbeta)[column / 2] = static_cast<float>(sum); });
  const auto walk = [&]<bool kSilu>(std::bool_constant<kSilu> silu) {
    column_walk(stream, "group_norm_bwd", shape, vectors,
                Backward<kSilu>{.terms = terms(silu), .residual = values(residual), .dx = values(dx), .means = means});
  };
  if (p.silu) walk(std::true_type{});
  else walk(std::false_type{});
}

}  // namespace eqv::backend

void eqv::gpu::group_statistics(Stream& stream, int groups, double eps, const Tensor& x, const Tensor& stats) {
  using namespace eqv::backend;
  const Groups g = groups_of(groups, x);
  const ColumnShape shape{x.shape[0], g.pixels, g.channels};
  Workspace workspace(stream, Workspace::bytes<double>(shape.parts() * 2));
  double* parts = workspace.take<double>(shape.parts() * 2);
  column_sums<2>(stream, "group_norm_sums", shape, in_vectors(g.channels, {&x}), Shifted{values(x)}, parts);
  launch(stream, "group_norm_statistics", dim3(static_cast<unsigned>(x.shape[0] * groups)), dim3(kThreads),
         sizeof(BlockScratch), statistics, g, ChunkCounts(shape), eps, 1 / static_cast<double>(g.pixels * g.size),
         values(x), static_cast<const double*>(parts), f32(stats));
}
