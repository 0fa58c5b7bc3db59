// Group norm with an optional SiLU after it: one pass for the statistics, one to apply; the same two backward.
#include "norm.h"

namespace eqv::backend {

using namespace cpu;

namespace {

// Per-column mean, 1/std, gamma and beta of one sample.
void load_columns(const RowPlan& plan, const float* stats, int64_t groups, const float* gamma, const float* beta,
                  const Columns& k) {
  const int64_t size = plan.channels / groups;
  for (int64_t j = 0; j < plan.channels; ++j) {
    k.mean[j] = stats[2 * (j / size)];
    k.rstd[j] = stats[2 * (j / size) + 1];
  }
  for (int64_t i = 1; i < plan.block; ++i)
    for (float* p : {k.mean, k.rstd}) std::copy_n(p, plan.channels, p + i * plan.channels);
  widen(plan, gamma, k.gamma);
  widen(plan, beta, k.beta);
}

}  // namespace

void group_norm_fwd(Stream& stream, const eqv_group_norm_params& p, const Tensor& x, const Tensor& gamma,
                    const Tensor& beta, const Tensor& y, const Tensor& stats) {
  const int64_t samples = x.shape[0], channels = x.shape[3], groups = p.groups;
  const RowPlan plan(x.shape[1] * x.shape[2], channels);
  const int64_t sample = plan.rows * channels, work = moments_work(plan), columns = columns_size(plan);
  const int64_t threads = stream.device->threads;
  Workspace workspace(stream, Workspace::bytes<float>(threads * work) + Workspace::bytes<float>(samples * columns) +
                                  Workspace::bytes<Moments>(samples * plan.chunks * groups));
  float* thread_work = workspace.take<float>(threads * work);
  float* sample_columns = workspace.take<float>(samples * columns);
  Moments* parts = workspace.take<Moments>(samples * plan.chunks * groups);

  if (p.stats_given) {
    parallel_for(stream, samples, grain(plan.width, Cost::kSum), [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n)
        load_columns(plan, f32(stats) + n * groups * 2, groups, f32(gamma), f32(beta),
                     columns_at(plan, sample_columns + n * columns));
    });
    parallel_for(stream, samples * plan.chunks, grain(plan.chunk_rows * channels), [&](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; ++j) {
        const int64_t n = j / plan.chunks, i = j % plan.chunks, at = n * sample + plan.begin(i) * channels;
        apply(plan, columns_at(plan, sample_columns + n * columns), f32(x) + at, plan.count(i), p.silu != 0,
              f32(y) + at);
      }
    });
    return;
  }
  over_samples(
      stream, samples, plan,
      [&](int64_t n, int64_t i, int thread) {
        chunk_moments(plan, f32(x) + n * sample + plan.begin(i) * channels, plan.count(i), groups,
                      thread_work + thread * work, parts + (n * plan.chunks + i) * groups);
      },
      [&](int64_t n) {
        float* out = f32(stats) + n * groups * 2;
        write_statistics(plan, parts + n * plan.chunks * groups, groups, static_cast<double>(p.eps), out);
        load_columns(plan, out, groups, f32(gamma), f32(beta), columns_at(plan, sample_columns + n * columns));
      },
      [&](int64_t n, int64_t i, int) {
        const int64_t at = n * sample + plan.begin(i) * channels;
        apply(plan, columns_at(plan, sample_columns + n * columns), f32(x) + at, plan.count(i), p.silu != 0,
              f32(y) + at);
      });
}

void group_norm_bwd(Stream& stream, const eqv_group_norm_params& p, const Tensor& dy, const Tensor& x,
                    const Tensor& gamma, const Tensor& beta, const Tensor& stats, const Tensor* residual,
                    const Tensor& dx, const Tensor& dgamma, const Tensor& dbeta) {
  const int64_t samples = x.shape[0], channels = x.shape[3], groups = p.groups, size = channels / groups;
  const RowPlan plan(x.shape[1] * x.shape[2], channels);
  const int64_t sample = plan.rows * channels, work = gradient_work(plan), columns = columns_size(plan);
  const int64_t threads = stream.device->threads;
  Workspace workspace(stream, Workspace::bytes<float>(threads * work) + Workspace::bytes<float>(samples * columns) +
                                  Workspace::bytes<float>(samples * plan.chunks * 2 * channels) +
                                  Workspace::bytes<double>(samples * 2 * channels));
  float* thread_work = workspace.take<float>(threads * work);
  float* sample_columns = workspace.take<float>(samples * columns);
  float* parts = workspace.take<float>(samples * plan.chunks * 2 * channels);
  double* sums = workspace.take<double>(samples * 2 * channels);  // per sample: of dz xhat, then of dz

  parallel_for(stream, samples, grain(plan.width, Cost::kSum), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n)
      load_columns(plan, f32(stats) + n * groups * 2, groups, f32(gamma), f32(beta),
                   columns_at(plan, sample_columns + n * columns));
  });
  over_samples(
      stream, samples, plan,
      [&](int64_t n, int64_t i, int thread) {
        const int64_t at = n * sample + plan.begin(i) * channels;
        chunk_gradients(plan, columns_at(plan, sample_columns + n * columns), f32(dy) + at, f32(x) + at, plan.count(i),
                        p.silu != 0, thread_work + thread * work, parts + (n * plan.chunks + i) * 2 * channels);
      },
      [&](int64_t n) {
        double* sum = sums + n * 2 * channels;
        std::fill_n(sum, 2 * channels, 0.0);
        for (int64_t i = 0; i < plan.chunks; ++i) {
          const float* part = parts + (n * plan.chunks + i) * 2 * channels;
          for (int64_t c = 0; c < 2 * channels; ++c) sum[c] += part[c];
        }
        const Columns k = columns_at(plan, sample_columns + n * columns);
        for (int64_t g = 0; g < groups; ++g) {
          double slope = 0, shift = 0;
          for (int64_t c = g * size; c < (g + 1) * size; ++c) {
            slope += f32(gamma)[c] * sum[c];
            shift += f32(gamma)[c] * sum[channels + c];
          }
          const double factor = k.rstd[g * size] / static_cast<double>(plan.rows * size);
          for (int64_t c = g * size; c < (g + 1) * size; ++c) {
            k.slope[c] = static_cast<float>(slope * factor);
            k.shift[c] = static_cast<float>(shift * factor);
          }
        }
        for (int64_t i = 1; i < plan.block; ++i)
          for (float* c : {k.slope, k.shift}) std::copy_n(c, channels, c + i * channels);
      },
      [&](int64_t n, int64_t i, int) {
        const int64_t at = n * sample + plan.begin(i) * channels;
        apply_gradients(plan, columns_at(plan, sample_columns + n * columns), f32(dy) + at, f32(x) + at, plan.count(i),
                        p.silu != 0, f32(dx) + at);
        if (residual) add(f32(*residual) + at, plan.count(i) * channels, f32(dx) + at);
      });
  for (int64_t c = 0; c < channels; ++c) {
    double scale = 0, shift = 0;
    for (int64_t n = 0; n < samples; ++n) {
      scale += sums[n * 2 * channels + c];
      shift += sums[n * 2 * channels + channels + c];
    }
    f32(dgamma)[c] = static_cast<float>(scale);
    f32(dbeta)[c] = static_cast<float>(shift);
  }
}

}  // namespace eqv::backend
