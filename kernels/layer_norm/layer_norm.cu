// Layer norm and RMS norm: a warp has a row, whose values stay in the cache between its passes. The gradients of weight,
// bias and modulation are sums over the rows of a sample (common/columns.h), of dy and of dy·x̂.
#include "common/columns.h"

namespace eqv::backend {

using namespace gpu;

namespace {

struct Rows {
  int64_t samples, rows, channels;  // rows of a sample

  explicit Rows(const Tensor& x)
      : samples(x.rank > 1 ? x.shape[0] : 1), rows(rows_of(x) / samples), channels(channels_of(x)) {}

  __host__ __device__ int64_t all() const { return samples * rows; }
};

// What follows the normalised value; any may be absent.
struct Affine {
  const float *weight, *bias;
  Values modulation;  // {sample, part, channel}: shift and scale, or scale alone
  int parts;

  Affine(const Tensor* w, const Tensor* b, const Tensor* m)
      : weight(f32(w)), bias(f32(b)), modulation(values(m)), parts(m ? static_cast<int>(m->shape[1]) : 0) {}

  // Where a sample's scales begin.
  __device__ int64_t scales(int64_t sample, int64_t channels) const { return (sample * parts + parts - 1) * channels; }
};

// kWide neighbouring channels of a sample: what x̂ is multiplied by, and what is added.
template <int kWide>
struct Factors {
  float weight[kWide], bias[kWide], scale[kWide], shift[kWide];

  __device__ Factors(const Affine& a, int64_t sample, int64_t channels, int64_t c) {
    for (int i = 0; i < kWide; ++i) {
      weight[i] = a.weight ? a.weight[c + i] : 1.0f;
      bias[i] = a.bias ? a.bias[c + i] : 0.0f;
      scale[i] = shift[i] = 0.0f;
    }
    if (a.parts > 0) a.modulation.load(a.scales(sample, channels) + c, scale);
    if (a.parts == 2) a.modulation.load(sample * 2 * channels + c, shift);
  }
};

__device__ inline float warp_sum(float value) {
  for (int bits = 16; bits > 0; bits /= 2) value += __shfl_xor_sync(kAllLanes, value, bits);
  return value;
}

// The row of this warp; there is none beyond the last row.
__device__ inline int64_t row_of_warp() { return int64_t{blockIdx.x} * kWarps + threadIdx.x / 32; }

template <int kWide>
__global__ void __launch_bounds__(kThreads)
    normalise(Rows shape, float eps, int rms, Affine affine, Values x, Values y, float* stats) {
  const int64_t row = row_of_warp(), channels = shape.channels;
  if (row >= shape.all()) return;
  const int64_t begin = static_cast<int64_t>(threadIdx.x % 32) * kWide, at = row * channels;
  const float share = 1.0f / static_cast<float>(channels);
  float v[kWide], mean = 0.0f, squares = 0.0f;
  if (!rms) {
    float sum = 0.0f;
    for (int64_t c = begin; c < channels; c += 32 * kWide) {
      x.load(at + c, v);
      for (int i = 0; i < kWide; ++i) sum += v[i];
    }
    mean = warp_sum(sum) * share;
  }
  for (int64_t c = begin; c < channels; c += 32 * kWide) {
    x.load(at + c, v);
    for (int i = 0; i < kWide; ++i) squares += (v[i] - mean) * (v[i] - mean);
  }
  const float rstd = 1.0f / sqrtf(warp_sum(squares) * share + eps);
  for (int64_t c = begin; c < channels; c += 32 * kWide) {
    x.load(at + c, v);
    const Factors<kWide> f(affine, row / shape.rows, channels, c);
    for (int i = 0; i < kWide; ++i)
      v[i] = ((v[i] - mean) * rstd * f.weight[i] + f.bias[i]) * (1.0f + f.scale[i]) + f.shift[i];
    y.store(at + c, v);
  }
  if (threadIdx.x % 32 == 0) {
    stats[2 * row] = mean;
    stats[2 * row + 1] = rstd;
  }
}

template <int kWide>
__global__ void __launch_bounds__(kThreads)
    input_gradient(Rows shape, int rms, Affine affine, Values dy, Values x, const float* stats, Values residual, Values dx) {
  const int64_t row = row_of_warp(), channels = shape.channels;
  if (row >= shape.all()) return;
  const int64_t begin = static_cast<int64_t>(threadIdx.x % 32) * kWide, at = row * channels;
  const float mean = stats[2 * row], rstd = stats[2 * row + 1], share = 1.0f / static_cast<float>(channels);
  const auto load = [&](int64_t c, float(&hat)[kWide], float(&g)[kWide]) {
    x.load(at + c, hat);
    dy.load(at + c, g);
    const Factors<kWide> f(affine, row / shape.rows, channels, c);
    for (int i = 0; i < kWide; ++i) {
      hat[i] = (hat[i] - mean) * rstd;
      g[i] *= (1.0f + f.scale[i]) * f.weight[i];
    }
  };
  float hat[kWide], g[kWide], sum = 0.0f, by_hat = 0.0f;
  for (int64_t c = begin; c < channels; c += 32 * kWide) {
    load(c, hat, g);
    for (int i = 0; i < kWide; ++i) {
      sum += g[i];
      by_hat += g[i] * hat[i];
    }
  }
  const float mean_g = rms ? 0.0f : warp_sum(sum) * share, mean_gx = warp_sum(by_hat) * share;
  for (int64_t c = begin; c < channels; c += 32 * kWide) {
    load(c, hat, g);
    for (int i = 0; i < kWide; ++i) g[i] = rstd * (g[i] - mean_g - hat[i] * mean_gx);
    if (residual) {
      residual.load(at + c, hat);
      for (int i = 0; i < kWide; ++i) g[i] += hat[i];
    }
    dx.store(at + c, g);
  }
}

// Sums of dy and of dy·x̂.
struct Terms {
  Values dy, x;
  const float* stats;
  int64_t channels;

  template <int kWide>
  struct Column {
    Values dy, x;
    const float* stats;
    int64_t channels, c;
    __device__ Column(const Terms& t, int64_t, int64_t, int64_t channel)
        : dy(t.dy), x(t.x), stats(t.stats), channels(t.channels), c(channel) {}
    __device__ void add(int64_t at, float (&sums)[kWide][2]) const {
      float v[kWide], d[kWide];
      x.load(at, v);
      dy.load(at, d);
      const float* of_row = stats + (at - c) / channels * 2;
      for (int i = 0; i < kWide; ++i) {
        sums[i][0] += d[i];
        sums[i][1] += d[i] * ((v[i] - of_row[0]) * of_row[1]);
      }
    }
  };
};

dim3 grid_of(const Rows& shape) { return dim3(static_cast<unsigned>(ceil_div(shape.all(), kWarps))); }

}  // namespace

void layer_norm_fwd(Stream& stream, const eqv_layer_norm_params& p, const Tensor& x, const Tensor* weight,
                    const Tensor* bias, const Tensor* modulation, const Tensor& y, const Tensor& stats) {
  const Rows shape(x);
  const bool vectors = in_vectors(shape.channels, {&x, &y, modulation ? modulation : &x});
  launch(stream, "layer_norm_fwd", grid_of(shape), dim3(kThreads), 0, vectors ? normalise<kVector> : normalise<1>, shape,
         p.eps, p.rms, Affine(weight, bias, modulation), values(x), values(y), f32(stats));
}

void layer_norm_bwd(Stream& stream, const eqv_layer_norm_params& p, const Tensor& dy, const Tensor& x,
                    const Tensor* weight_tensor, const Tensor* bias_tensor, const Tensor* modulation,
                    const Tensor& stats, const Tensor* residual, const Tensor& dx, const Tensor* dweight_tensor,
                    const Tensor* dbias_tensor, const Tensor* dmodulation_tensor) {
  const Rows shape(x);
  const Affine affine(weight_tensor, bias_tensor, modulation);
  const bool vectors = in_vectors(shape.channels, {&dy, &x, &dx, modulation ? modulation : &x, residual ? residual : &x});
  launch(stream, "layer_norm_bwd", grid_of(shape), dim3(kThreads), 0,
         vectors ? input_gradient<kVector> : input_gradient<1>, shape, p.rms, affine, values(dy), values(x),
         static_cast<const float*>(f32(stats)), values(residual), values(dx));
  if (!dweight_tensor && !dbias_tensor && !dmodulation_tensor) return;
  const ColumnShape columns{shape.samples, shape.rows, shape.channels};
  const int64_t samples = shape.samples, channels = shape.channels, sums = channels * 2;
  Workspace workspace(stream, Workspace::bytes<double>(columns.parts() * 2) + Workspace::bytes<double>(samples * sums));
  double* parts = workspace.take<double>(columns.parts() * 2);
  double* totals = workspace.take<double>(samples * sums);
  column_sums<2>(stream, "layer_norm_bwd_sums", columns, vectors, Terms{values(dy), values(x), f32(stats), channels}, parts);
  join_chunks<2>(stream, "layer_norm_bwd_totals", columns, parts, EQV_LAMBDA(int n, int column, double sum) {
    totals[n * sums + column] = sum;
  });
  const Values dmodulation = values(dmodulation_tensor);
  if (dmodulation_tensor)
    for_each(stream, "layer_norm_bwd_modulation", samples * channels, EQV_LAMBDA(int64_t i) {
      const int64_t n = i / channels, c = i - n * channels;
      const double by_one = totals[2 * i], by_hat = totals[2 * i + 1];
      const double weight = affine.weight ? static_cast<double>(affine.weight[c]) : 1;
      const double bias = affine.bias ? static_cast<double>(affine.bias[c]) : 0;
      dmodulation.set(affine.scales(n, channels) + c, static_cast<float>(weight * by_hat + bias * by_one));
      if (affine.parts == 2) dmodulation.set(n * sums + c, static_cast<float>(by_one));
    });
  if (!dweight_tensor && !dbias_tensor) return;
  float *dweight = f32(dweight_tensor), *dbias = f32(dbias_tensor);
  join_columns(
      stream, "layer_norm_bwd_parameters", 1, samples, sums,
      EQV_LAMBDA(int, int n, int column) -> double {
        const int64_t at = affine.scales(n, channels) + column / 2;
        const double scale = 1 + (affine.parts > 0 ? static_cast<double>(affine.modulation[at]) : 0);
        return scale * totals[n * sums + column];
      },
      EQV_LAMBDA(int, int column, double sum) {
        float* to = column % 2 ? dweight : dbias;
        if (to) to[column / 2] = static_cast<float>(sum);
      });
}

}  // namespace eqv::backend
