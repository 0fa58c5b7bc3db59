// Batch norm: a block per channel. Statistics in double, in two passes.
#include "common/reduce.h"

namespace eqv::backend {

using namespace gpu;

namespace {

struct Forward {
  int64_t channels, count;
  double eps, momentum;
  int32_t training;
  const float *x, *gamma, *beta;
  float *running_mean, *running_var, *y, *stats;
};

__global__ void __launch_bounds__(kThreads) forward(Forward f) {
  BlockScratch& scratch = shared_memory<BlockScratch>();
  const int64_t c = blockIdx.x;
  double mean = f.running_mean[c], variance = f.running_var[c];
  if (f.training) {
    const double running_mean = mean, running_var = variance;
    double sum = 0, squares = 0;
    for (int64_t i = threadIdx.x; i < f.count; i += kThreads) sum += f.x[i * f.channels + c];
    mean = block_join(sum, scratch) / static_cast<double>(f.count);
    for (int64_t i = threadIdx.x; i < f.count; i += kThreads) {
      const double d = f.x[i * f.channels + c] - mean;
      squares += d * d;
    }
    squares = block_join(squares, scratch);
    variance = squares / static_cast<double>(f.count);
    if (threadIdx.x == 0) {
      const double unbiased = squares / static_cast<double>(f.count - 1);
      f.running_mean[c] = static_cast<float>((1 - f.momentum) * running_mean + f.momentum * mean);
      f.running_var[c] = static_cast<float>((1 - f.momentum) * running_var + f.momentum * unbiased);
    }
  }
  const float m = static_cast<float>(mean), r = static_cast<float>(1 / sqrt(variance + f.eps));
  if (threadIdx.x == 0) {
    f.stats[2 * c] = m;
    f.stats[2 * c + 1] = r;
  }
  for (int64_t i = threadIdx.x; i < f.count; i += kThreads)
    f.y[i * f.channels + c] = (f.x[i * f.channels + c] - m) * r * f.gamma[c] + f.beta[c];
}

struct Backward {
  int64_t channels, count;
  int32_t training;
  const float *dy, *x, *gamma, *stats;
  float *dx, *dgamma, *dbeta;
};

__global__ void __launch_bounds__(kThreads) backward(Backward b) {
  BlockScratch& scratch = shared_memory<BlockScratch>();
  const int64_t c = blockIdx.x;
  const float mean = b.stats[2 * c], rstd = b.stats[2 * c + 1];
  double products = 0, plain = 0;
  for (int64_t i = threadIdx.x; i < b.count; i += kThreads) {
    const int64_t at = i * b.channels + c;
    const float hat = (b.x[at] - mean) * rstd;
    products += static_cast<double>(b.dy[at]) * static_cast<double>(hat);
    plain += b.dy[at];
  }
  products = block_join(products, scratch);
  plain = block_join(plain, scratch);
  if (threadIdx.x == 0) {
    b.dgamma[c] = static_cast<float>(products);
    b.dbeta[c] = static_cast<float>(plain);
  }
  // With running statistics mean and rstd are constants.
  const double factor = b.training ? static_cast<double>(b.gamma[c]) * rstd / static_cast<double>(b.count) : 0;
  const float by_hat = static_cast<float>(products * factor), constant = static_cast<float>(plain * factor);
  for (int64_t i = threadIdx.x; i < b.count; i += kThreads) {
    const int64_t at = i * b.channels + c;
    const float hat = (b.x[at] - mean) * rstd;
    b.dx[at] = rstd * b.gamma[c] * b.dy[at] - constant - hat * by_hat;
  }
}

}  // namespace

void batch_norm_fwd(Stream& stream, const eqv_batch_norm_params& p, const Tensor& x, const Tensor& gamma,
                    const Tensor& beta, const Tensor& running_mean, const Tensor& running_var, const Tensor& y,
                    const Tensor& stats) {
  const int64_t channels = x.shape[3];
  const Forward f{channels, elements(x) / channels, p.eps, p.momentum, p.training, f32(x), f32(gamma), f32(beta),
                  f32(running_mean), f32(running_var), f32(y), f32(stats)};
  launch(stream, "batch_norm_fwd", dim3(static_cast<unsigned>(channels)), dim3(kThreads), sizeof(BlockScratch), forward,
         f);
}

void batch_norm_bwd(Stream& stream, const eqv_batch_norm_params& p, const Tensor& dy, const Tensor& x,
                    const Tensor& gamma, const Tensor& stats, const Tensor& dx, const Tensor& dgamma,
                    const Tensor& dbeta) {
  const int64_t channels = x.shape[3];
  const Backward b{channels, elements(x) / channels, p.training, f32(dy), f32(x), f32(gamma), f32(stats), f32(dx),
                   f32(dgamma), f32(dbeta)};
  launch(stream, "batch_norm_bwd", dim3(static_cast<unsigned>(channels)), dim3(kThreads), sizeof(BlockScratch), backward,
         b);
}

}  // namespace eqv::backend
