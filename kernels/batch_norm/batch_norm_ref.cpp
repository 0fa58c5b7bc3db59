// batch_norm: per channel, y = (x − mean)·rstd·gamma + beta with the batch's statistics (training) or the running ones.
// Running statistics move by `momentum`; their variance is the unbiased one. Backward as group_norm when training; with
// running statistics mean and rstd are constants. PyTorch: F.batch_norm.
#include <cmath>

#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
void batch_norm_fwd(const eqv_batch_norm_params& p, View<T> x, const T* gamma, const T* beta, T* running_mean,
                    T* running_var, View<T> y, View<T> stats) {
  const int64_t channels = x.n3, count = x.size() / channels;
  for (int64_t c = 0; c < channels; ++c) {
    T mean = running_mean[c], var = running_var[c];
    if (p.training) {
      mean = var = 0;
      for (int64_t i = 0; i < count; ++i) mean += x[i * channels + c] / static_cast<T>(count);
      for (int64_t i = 0; i < count; ++i)
        var += (x[i * channels + c] - mean) * (x[i * channels + c] - mean) / static_cast<T>(count);
      const T m = static_cast<T>(p.momentum);
      running_mean[c] = (1 - m) * running_mean[c] + m * mean;
      running_var[c] = (1 - m) * running_var[c] + m * var * static_cast<T>(count) / static_cast<T>(count - 1);
    }
    const T rstd = 1 / std::sqrt(var + static_cast<T>(p.eps));
    stats(c, 0) = mean;
    stats(c, 1) = rstd;
    for (int64_t i = 0; i < count; ++i)
      y[i * channels + c] = (x[i * channels + c] - mean) * rstd * gamma[c] + beta[c];
  }
}

template <class T>
void batch_norm_bwd(const eqv_batch_norm_params& p, View<T> dy, View<T> x, const T* gamma, View<T> stats, View<T> dx,
                    T* dgamma, T* dbeta) {
  const int64_t channels = x.n3, count = x.size() / channels;
  for (int64_t c = 0; c < channels; ++c) {
    const T mean = stats(c, 0), rstd = stats(c, 1);
    T sum_dy = 0, sum_dy_hat = 0;
    for (int64_t i = c; i < x.size(); i += channels) {
      sum_dy += dy[i];
      sum_dy_hat += dy[i] * (x[i] - mean) * rstd;
    }
    dgamma[c] = sum_dy_hat;
    dbeta[c] = sum_dy;
    const T m = static_cast<T>(count);
    for (int64_t i = c; i < x.size(); i += channels) {
      const T hat = (x[i] - mean) * rstd;
      dx[i] = gamma[c] * rstd * (p.training ? dy[i] - sum_dy / m - hat * sum_dy_hat / m : dy[i]);
    }
  }
}

}  // namespace eqv::ref

namespace eqv::backend {

void batch_norm_fwd(Stream&, const eqv_batch_norm_params& p, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                    const Tensor& running_mean, const Tensor& running_var, const Tensor& y, const Tensor& stats) {
  ref::batch_norm_fwd(p, V(x), data(gamma), data(beta), data(running_mean), data(running_var), V(y), V(stats));
}
void batch_norm_bwd(Stream&, const eqv_batch_norm_params& p, const Tensor& dy, const Tensor& x, const Tensor& gamma,
                    const Tensor& stats, const Tensor& dx, const Tensor& dgamma, const Tensor& dbeta) {
  ref::batch_norm_bwd(p, V(dy), V(x), data(gamma), V(stats), V(dx), data(dgamma), data(dbeta));
}

}  // namespace eqv::backend
