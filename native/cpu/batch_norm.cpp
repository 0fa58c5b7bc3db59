// Batch norm: the statistics of group norm with one group per channel and the whole batch as one sample.
#include <cmath>

#include "norm.h"

namespace eqv::backend {

using namespace cpu;

namespace {

void load_columns(const RowPlan& plan, const float* stats, const float* gamma, const float* beta, const Columns& k) {
  for (int64_t c = 0; c < plan.channels; ++c) {
    k.mean[c] = stats[2 * c];
    k.rstd[c] = stats[2 * c + 1];
  }
  for (int64_t i = 1; i < plan.block; ++i)
    for (float* p : {k.mean, k.rstd}) std::copy_n(p, plan.channels, p + i * plan.channels);
  widen(plan, gamma, k.gamma);
  if (beta) widen(plan, beta, k.beta);
}

}  // namespace

void batch_norm_fwd(Stream& stream, const eqv_batch_norm_params& p, const Tensor& x, const Tensor& gamma,
                    const Tensor& beta, const Tensor& running_mean, const Tensor& running_var, const Tensor& y,
                    const Tensor& stats) {
  const int64_t channels = x.shape[3];
  const RowPlan plan(x.shape[0] * x.shape[1] * x.shape[2], channels);
  const int64_t work = moments_work(plan), columns = columns_size(plan), threads = stream.device->threads;
  Workspace workspace(stream, Workspace::bytes<float>(threads * work) + Workspace::bytes<float>(columns) +
                                  Workspace::bytes<Moments>(plan.chunks * channels));
  float* thread_work = workspace.take<float>(threads * work);
  const Columns k = columns_at(plan, workspace.take<float>(columns));
  Moments* parts = workspace.take<Moments>(plan.chunks * channels);
  float* out = f32(stats);

  over_samples(
      stream, 1, plan,
      [&](int64_t, int64_t i, int thread) {
        if (p.training)
          chunk_moments(plan, f32(x) + plan.begin(i) * channels, plan.count(i), channels, thread_work + thread * work,
                        parts + i * channels);
      },
      [&](int64_t) {
        for (int64_t c = 0; c < channels; ++c) {
          double mean = f32(running_mean)[c], variance = f32(running_var)[c];
          if (p.training) {
            const Moments m = combine_moments(plan, parts + c, channels, 1);
            const double unbiased = m.m2 / static_cast<double>(plan.rows - 1);
            const double momentum = p.momentum;
            f32(running_mean)[c] = static_cast<float>((1 - momentum) * mean + momentum * m.mean);
            f32(running_var)[c] = static_cast<float>((1 - momentum) * variance + momentum * unbiased);
            mean = m.mean;
            variance = m.m2 / static_cast<double>(plan.rows);
          }
          out[2 * c] = static_cast<float>(mean);
          out[2 * c + 1] = static_cast<float>(1 / std::sqrt(variance + p.eps));
        }
        load_columns(plan, out, f32(gamma), f32(beta), k);
      },
      [&](int64_t, int64_t i, int) {
        const int64_t at = plan.begin(i) * channels;
        apply(plan, k, f32(x) + at, plan.count(i), false, f32(y) + at);
      });
}

void batch_norm_bwd(Stream& stream, const eqv_batch_norm_params& p, const Tensor& dy, const Tensor& x,
                    const Tensor& gamma, const Tensor& stats, const Tensor& dx, const Tensor& dgamma,
                    const Tensor& dbeta) {
  const int64_t channels = x.shape[3];
  const RowPlan plan(x.shape[0] * x.shape[1] * x.shape[2], channels);
  const int64_t work = gradient_work(plan), columns = columns_size(plan), threads = stream.device->threads;
  Workspace workspace(stream, Workspace::bytes<float>(threads * work) + Workspace::bytes<float>(columns) +
                                  Workspace::bytes<float>(plan.chunks * 2 * channels));
  float* thread_work = workspace.take<float>(threads * work);
  const Columns k = columns_at(plan, workspace.take<float>(columns));
  float* parts = workspace.take<float>(plan.chunks * 2 * channels);
  load_columns(plan, f32(stats), f32(gamma), nullptr, k);

  over_samples(
      stream, 1, plan,
      [&](int64_t, int64_t i, int thread) {
        const int64_t at = plan.begin(i) * channels;
        chunk_gradients(plan, k, f32(dy) + at, f32(x) + at, plan.count(i), false, thread_work + thread * work,
                        parts + i * 2 * channels);
      },
      [&](int64_t) {
        for (int64_t c = 0; c < channels; ++c) {
          double scale = 0, shift = 0;
          for (int64_t i = 0; i < plan.chunks; ++i) {
            scale += parts[i * 2 * channels + c];
            shift += parts[i * 2 * channels + channels + c];
          }
          f32(dgamma)[c] = static_cast<float>(scale);
          f32(dbeta)[c] = static_cast<float>(shift);
          // In evaluation mode the statistics are constants.
          const double factor =
              p.training ? static_cast<double>(f32(gamma)[c]) * k.rstd[c] / static_cast<double>(plan.rows) : 0;
          k.slope[c] = static_cast<float>(scale * factor);
          k.shift[c] = static_cast<float>(shift * factor);
        }
        for (int64_t i = 1; i < plan.block; ++i)
          for (float* c : {k.slope, k.shift}) std::copy_n(c, channels, c + i * channels);
      },
      [&](int64_t, int64_t i, int) {
        const int64_t at = plan.begin(i) * channels;
        apply_gradients(plan, k, f32(dy) + at, f32(x) + at, plan.count(i), false, f32(dx) + at);
      });
}

}  // namespace eqv::backend
