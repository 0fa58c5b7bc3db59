// Group norm with an optional SiLU behind it: a block per sample and group. Statistics in double, in two passes: squares
// are taken of differences from the mean.
#include "activation/activation.h"
#include "common/reduce.h"

namespace eqv::backend {

using namespace gpu;

namespace {

struct Group {
  int64_t channels, groups, size, count;  // size: channels of a group; count: elements of a group of a sample
  double share;                           // 1 / count: a division in double is a subroutine on a GPU
};

Group group_of(const eqv_group_norm_params& p, const Tensor& x) {
  const int64_t c = x.shape[3], size = c / p.groups;
  const int64_t count = x.shape[1] * x.shape[2] * size;
  return {c, p.groups, size, count, 1 / static_cast<double>(count)};
}

// Element i of the group's block: where it is.
__device__ int64_t place(const Group& g, int64_t sample, int64_t group, int64_t i) {
  return sample * (g.count / g.size) * g.channels + i / g.size * g.channels + group * g.size + i % g.size;
}

__global__ void __launch_bounds__(kThreads) forward(Group g, float eps, int32_t with_silu, const float* x,
                                                    const float* gamma, const float* beta, float* y, float* stats) {
  BlockScratch& scratch = shared_memory<BlockScratch>();
  const int64_t n = blockIdx.x / g.groups, group = blockIdx.x % g.groups;
  double sum = 0;
  for (int64_t i = threadIdx.x; i < g.count; i += kThreads) sum += x[place(g, n, group, i)];
  const double mean = block_join(sum, scratch) * g.share;
  double squares = 0;
  for (int64_t i = threadIdx.x; i < g.count; i += kThreads) {
    const double d = x[place(g, n, group, i)] - mean;
    squares += d * d;
  }
  const double variance = block_join(squares, scratch) * g.share;
  const float m = static_cast<float>(mean), r = static_cast<float>(1 / sqrt(variance + eps));
  if (threadIdx.x == 0) {
    stats[2 * blockIdx.x] = m;
    stats[2 * blockIdx.x + 1] = r;
  }
  for (int64_t i = threadIdx.x; i < g.count; i += kThreads) {
    const int64_t at = place(g, n, group, i), c = group * g.size + i % g.size;
    const float z = (x[at] - m) * r * gamma[c] + beta[c];
    y[at] = with_silu ? silu(z) : z;
  }
}

struct Backward {
  Group g;
  int32_t with_silu;
  const float *dy, *x, *gamma, *beta, *stats;
  float* dx;
  double* sums;  // per sample and channel: of dz·x̂, of dz
};

// x̂ and dz of one element, dz being the gradient before the SiLU.
__device__ void element(const Backward& b, int64_t at, int64_t c, float mean, float rstd, float& hat, float& dz) {
  hat = (b.x[at] - mean) * rstd;
  dz = b.dy[at];
  if (b.with_silu) dz *= silu_slope(hat * b.gamma[c] + b.beta[c]);
}

__global__ void __launch_bounds__(kThreads) backward(Backward b) {
  BlockScratch& scratch = shared_memory<BlockScratch>();
  const Group& g = b.g;
  const int64_t n = blockIdx.x / g.groups, group = blockIdx.x % g.groups, pixels = g.count / g.size;
  const float mean = b.stats[2 * blockIdx.x], rstd = b.stats[2 * blockIdx.x + 1];
  double slope = 0, shift = 0;
  for (int64_t k = 0; k < g.size; ++k) {
    const int64_t c = group * g.size + k;
    double products = 0, plain = 0;
    for (int64_t pixel = threadIdx.x; pixel < pixels; pixel += kThreads) {
      float hat, dz;
      element(b, (n * pixels + pixel) * g.channels + c, c, mean, rstd, hat, dz);
      products += static_cast<double>(dz) * static_cast<double>(hat);
      plain += dz;
    }
    products = block_join(products, scratch);
    plain = block_join(plain, scratch);
    slope += b.gamma[c] * products;
    shift += b.gamma[c] * plain;
    if (threadIdx.x == 0) {
      b.sums[(n * g.channels + c) * 2] = products;
      b.sums[(n * g.channels + c) * 2 + 1] = plain;
    }
  }
  const double factor = rstd * g.share;
  const float by_hat = static_cast<float>(slope * factor), constant = static_cast<float>(shift * factor);
  for (int64_t i = threadIdx.x; i < g.count; i += kThreads) {
    const int64_t at = place(g, n, group, i), c = group * g.size + i % g.size;
    float hat, dz;
    element(b, at, c, mean, rstd, hat, dz);
    b.dx[at] = rstd * b.gamma[c] * dz - constant - hat * by_hat;
  }
}

}  // namespace

void group_norm_fwd(Stream& stream, const eqv_group_norm_params& p, const Tensor& x, const Tensor& gamma,
                    const Tensor& beta, const Tensor& y, const Tensor& stats) {
  launch(stream, "group_norm_fwd", dim3(static_cast<unsigned>(x.shape[0] * p.groups)), dim3(kThreads),
         sizeof(BlockScratch), forward, group_of(p, x), p.eps, p.silu, f32(x), f32(gamma), f32(beta), f32(y), f32(stats));
}

void group_norm_bwd(Stream& stream, const eqv_group_norm_params& p, const Tensor& dy, const Tensor& x,
                    const Tensor& gamma, const Tensor& beta, const Tensor& stats, const Tensor& dx,
                    const Tensor& dgamma_tensor, const Tensor& dbeta_tensor) {
  const Group g = group_of(p, x);
  const int64_t samples = x.shape[0], channels = g.channels;
  Workspace workspace(stream, Workspace::bytes<double>(samples * channels * 2));
  double* sums = workspace.take<double>(samples * channels * 2);
  const Backward b{g, p.silu, f32(dy), f32(x), f32(gamma), f32(beta), f32(stats), f32(dx), sums};
  launch(stream, "group_norm_bwd", dim3(static_cast<unsigned>(samples * p.groups)), dim3(kThreads), sizeof(BlockScratch),
         backward, b);
  float *dgamma = f32(dgamma_tensor), *dbeta = f32(dbeta_tensor);
  for_each(stream, "group_norm_bwd", channels, EQV_LAMBDA(int64_t c) {
    double scale = 0, shift = 0;
    for (int64_t n = 0; n < samples; ++n) {
      scale += sums[(n * channels + c) * 2];
      shift += sums[(n * channels + c) * 2 + 1];
    }
    dgamma[c] = static_cast<float>(scale);
    dbeta[c] = static_cast<float>(shift);
  });
}

}  // namespace eqv::backend
