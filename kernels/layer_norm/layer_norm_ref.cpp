// layer_norm, per row of C values: x̂ = (x − mean)·rstd, rstd = 1/√(variance + eps), variance biased; rms: mean 0 and the mean
// of squares in the variance's place. u = x̂·weight + bias, y = u·(1 + scale) + shift with scale and shift of the row's sample.
// Backward with du = dy·(1 + scale), g = du·weight, means over the row:
//   dx = rstd·(g − mean(g) − x̂·mean(g·x̂)), rms without mean(g), and the residual; dweight = Σ du·x̂, dbias = Σ du over all rows;
//   dshift = Σ dy, dscale = Σ dy·u over the rows of a sample.
// PyTorch: F.layer_norm or F.rms_norm, then u * (1 + scale[:, None]) + shift[:, None].
#include <cmath>
#include <cstdint>

#include "common/ref_backend.h"

namespace eqv::ref {

// What a layer norm is given beside x: any may be null. modulation{samples, parts, channels}: shift and scale, or scale alone.
template <class T>
struct LayerNorm {
  int64_t samples, rows, channels;  // rows of a sample
  int64_t parts;
  const T *weight, *bias, *modulation;

  T weight_of(int64_t c) const { return weight ? weight[c] : T(1); }
  T bias_of(int64_t c) const { return bias ? bias[c] : T(0); }
  T shift_of(int64_t n, int64_t c) const { return parts == 2 ? modulation[n * 2 * channels + c] : T(0); }
  T scale_of(int64_t n, int64_t c) const {
    return modulation ? modulation[(n * parts + parts - 1) * channels + c] : T(0);
  }
};

template <class T>
void layer_norm_fwd(const eqv_layer_norm_params& p, const LayerNorm<T>& l, const T* x, T* y, T* stats) {
  const int64_t width = l.channels;
  for (int64_t row = 0; row < l.samples * l.rows; ++row) {
    const T* in = x + row * width;
    T mean = 0, squares = 0;
    if (!p.rms)
      for (int64_t c = 0; c < width; ++c) mean += in[c] / static_cast<T>(width);
    for (int64_t c = 0; c < width; ++c) squares += (in[c] - mean) * (in[c] - mean) / static_cast<T>(width);
    const T rstd = 1 / std::sqrt(squares + static_cast<T>(p.eps));
    for (int64_t c = 0; c < width; ++c) {
      const T u = (in[c] - mean) * rstd * l.weight_of(c) + l.bias_of(c);
      y[row * width + c] = u * (1 + l.scale_of(row / l.rows, c)) + l.shift_of(row / l.rows, c);
    }
    stats[2 * row] = mean;
    stats[2 * row + 1] = rstd;
  }
}

// dweight, dbias, dmodulation may be null.
template <class T>
void layer_norm_bwd(const eqv_layer_norm_params& p, const LayerNorm<T>& l, const T* dy, const T* x, const T* stats,
                    const T* residual, T* dx, T* dweight, T* dbias, T* dmodulation) {
  const int64_t width = l.channels;
  for (int64_t c = 0; c < width; ++c) {
    if (dweight) dweight[c] = 0;
    if (dbias) dbias[c] = 0;
  }
  if (dmodulation)
    for (int64_t i = 0; i < l.samples * l.parts * width; ++i) dmodulation[i] = 0;
  for (int64_t row = 0; row < l.samples * l.rows; ++row) {
    const int64_t n = row / l.rows;
    const T mean = stats[2 * row], rstd = stats[2 * row + 1];
    T mean_g = 0, mean_gx = 0;
    for (int64_t c = 0; c < width; ++c) {
      const T d = dy[row * width + c], hat = (x[row * width + c] - mean) * rstd, du = d * (1 + l.scale_of(n, c));
      const T g = du * l.weight_of(c);
      if (!p.rms) mean_g += g / static_cast<T>(width);
      mean_gx += g * hat / static_cast<T>(width);
      if (dweight) dweight[c] += du * hat;
      if (dbias) dbias[c] += du;
      if (!dmodulation) continue;
      T* of_sample = dmodulation + n * l.parts * width + c;
      if (l.parts == 2) of_sample[0] += d;
      of_sample[(l.parts - 1) * width] += d * (hat * l.weight_of(c) + l.bias_of(c));
    }
    for (int64_t c = 0; c < width; ++c) {
      const T hat = (x[row * width + c] - mean) * rstd;
      const T g = dy[row * width + c] * (1 + l.scale_of(n, c)) * l.weight_of(c);
      dx[row * width + c] = rstd * (g - mean_g - hat * mean_gx) + (residual ? residual[row * width + c] : T(0));
    }
  }
}

}  // namespace eqv::ref

namespace eqv::backend {

namespace {

ref::LayerNorm<double> layer_norm(const Tensor& x, const Tensor* weight, const Tensor* bias, const Tensor* modulation) {
  return {.samples = x.shape[0],
          .rows = rows_of(x) / x.shape[0],
          .channels = channels_of(x),
          .parts = modulation ? modulation->shape[1] : 1,
          .weight = data(weight),
          .bias = data(bias),
          .modulation = data(modulation)};
}

}  // namespace

void layer_norm_fwd(Stream&, const eqv_layer_norm_params& p, const Tensor& x, const Tensor* weight, const Tensor* bias,
                    const Tensor* modulation, const Tensor& y, const Tensor& stats) {
  // A vector is one row, not samples of one value.
  const Tensor r = x.rank == 1 ? rows(x, x.shape[0]) : x;
  ref::layer_norm_fwd(p, layer_norm(r, weight, bias, modulation), data(x), data(y), data(stats));
}
void layer_norm_bwd(Stream&, const eqv_layer_norm_params& p, const Tensor& dy, const Tensor& x, const Tensor* weight,
                    const Tensor* bias, const Tensor* modulation, const Tensor& stats, const Tensor* residual,
                    const Tensor& dx, const Tensor* dweight, const Tensor* dbias, const Tensor* dmodulation) {
  const Tensor r = x.rank == 1 ? rows(x, x.shape[0]) : x;
  ref::layer_norm_bwd(p, layer_norm(r, weight, bias, modulation), data(dy), data(x), data(stats), data(residual), data(dx),
                      data(dweight), data(dbias), data(dmodulation));
}

}  // namespace eqv::backend
