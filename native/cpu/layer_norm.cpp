// Layer norm and RMS norm of rows, with weight, bias and a sample's modulation folded into one product and one sum per
// value. Backward: one pass over chunks of rows gives dx and the chunks' column sums; the rest is small.
#include <cmath>

#include "norm.h"
#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr int64_t kChunkRows = 64;  // column sums of a chunk are fp32, of chunks double

EQV_SIMD double row_sum(const float* x, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]);
  return sum;
}

EQV_SIMD double row_squares(const float* x, int64_t n, float mean) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    const double d = static_cast<double>(x[i] - mean);
    sum += d * d;
  }
  return sum;
}

EQV_SIMD void normalise(const float* x, int64_t n, float mean, float rstd, const float* factor, const float* shift,
                        float* y) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * rstd * factor[i] + shift[i];
}

struct RowSums {
  double g, gx;
};

// The sums of g = dy factor and g x̂; adds dy and dy x̂ to the columns' sums.
EQV_SIMD RowSums gradient_sums(const float* dy, const float* x, int64_t n, float mean, float rstd, const float* factor,
                               float* columns) {
  float *by_one = columns, *by_hat = columns + n;
  double g = 0, gx = 0;
#pragma omp simd reduction(+ : g, gx)
  for (int64_t i = 0; i < n; ++i) {
    const float hat = (x[i] - mean) * rstd, product = dy[i] * factor[i];
    g += static_cast<double>(product);
    gx += static_cast<double>(product) * static_cast<double>(hat);
    by_one[i] += dy[i];
    by_hat[i] += dy[i] * hat;
  }
  return {g, gx};
}

EQV_SIMD void apply_gradient(const float* dy, const float* x, int64_t n, float mean, float rstd, const float* factor,
                             float mean_g, float mean_gx, float* dx) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float hat = (x[i] - mean) * rstd;
    dx[i] = rstd * (dy[i] * factor[i] - mean_g - hat * mean_gx);
  }
}

struct Shape {
  int64_t samples, rows, channels, chunks;

  explicit Shape(const Tensor& x)
      : samples(x.rank > 1 ? x.shape[0] : 1),
        rows(rows_of(x) / samples),
        channels(channels_of(x)),
        chunks(ceil_div(rows, kChunkRows)) {}

  int64_t first(int64_t chunk) const { return chunk / chunks * rows + chunk % chunks * kChunkRows; }
  int64_t count(int64_t chunk) const { return std::min(kChunkRows, rows - chunk % chunks * kChunkRows); }
  int64_t values_of_chunk() const { return std::min(rows, kChunkRows) * channels; }
};

// Factor and shift of y = x̂ factor + shift: for each sample if there is a modulation, else once.
class Folded {
 public:
  Folded(const Tensor* weight, const Tensor* bias, const Tensor* modulation, const Shape& shape)
      : weight_(weight ? f32(*weight) : nullptr),
        bias_(bias ? f32(*bias) : nullptr),
        modulation_(modulation ? f32(*modulation) : nullptr),
        parts_(modulation ? modulation->shape[1] : 0),
        channels_(shape.channels),
        sets_(modulation ? shape.samples : 1) {}

  int64_t bytes() const { return Workspace::bytes<float>(sets_ * 2 * channels_); }

  void make(Stream& stream, Workspace& workspace) {
    columns_ = workspace.take<float>(sets_ * 2 * channels_);
    parallel_for(stream, sets_, grain(channels_), [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        float *factor = columns_ + n * 2 * channels_, *shift = factor + channels_;
        for (int64_t c = 0; c < channels_; ++c) {
          const float scale = 1.0f + this->scale(n, c);
          factor[c] = weight(c) * scale;
          shift[c] = bias(c) * scale + (parts_ == 2 ? modulation_[n * 2 * channels_ + c] : 0.0f);
        }
      }
    });
  }

  const float* factor(int64_t sample) const { return columns_ + (sets_ > 1 ? sample * 2 * channels_ : 0); }
  const float* shift(int64_t sample) const { return factor(sample) + channels_; }
  float weight(int64_t c) const { return weight_ ? weight_[c] : 1.0f; }
  float bias(int64_t c) const { return bias_ ? bias_[c] : 0.0f; }
  float scale(int64_t n, int64_t c) const {
    return modulation_ ? modulation_[(n * parts_ + parts_ - 1) * channels_ + c] : 0.0f;
  }

 private:
  const float *weight_, *bias_, *modulation_;
  int64_t parts_, channels_, sets_;
  float* columns_ = nullptr;
};

}  // namespace

void layer_norm_fwd(Stream& stream, const eqv_layer_norm_params& p, const Tensor& x, const Tensor* weight,
                    const Tensor* bias, const Tensor* modulation, const Tensor& y, const Tensor& stats) {
  const Shape shape(x);
  Folded folded(weight, bias, modulation, shape);
  Workspace workspace(stream, folded.bytes());
  folded.make(stream, workspace);
  const int64_t n = shape.channels;
  const double share = 1 / static_cast<double>(n), eps = static_cast<double>(p.eps);
  parallel_for(stream, shape.samples * shape.chunks, grain(shape.values_of_chunk()), [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t sample = chunk / shape.chunks, first = shape.first(chunk);
      for (int64_t row = first; row < first + shape.count(chunk); ++row) {
        const float* in = f32(x) + row * n;
        const float mean = p.rms ? 0.0f : static_cast<float>(row_sum(in, n) * share);
        const float rstd = static_cast<float>(1 / std::sqrt(row_squares(in, n, mean) * share + eps));
        f32(stats)[2 * row] = mean;
        f32(stats)[2 * row + 1] = rstd;
        normalise(in, n, mean, rstd, folded.factor(sample), folded.shift(sample), f32(y) + row * n);
      }
    }
  });
}

void layer_norm_bwd(Stream& stream, const eqv_layer_norm_params& p, const Tensor& dy, const Tensor& x,
                    const Tensor* weight, const Tensor* bias, const Tensor* modulation, const Tensor& stats,
                    const Tensor* residual, const Tensor& dx, const Tensor* dweight, const Tensor* dbias,
                    const Tensor* dmodulation) {
  const Shape shape(x);
  const int64_t n = shape.channels, parts = modulation ? modulation->shape[1] : 0;
  Folded folded(weight, bias, modulation, shape);
  Workspace workspace(stream, folded.bytes() + Workspace::bytes<float>(shape.samples * shape.chunks * 2 * n));
  folded.make(stream, workspace);
  float* sums = workspace.take<float>(shape.samples * shape.chunks * 2 * n);
  const double share = 1 / static_cast<double>(n);
  parallel_for(stream, shape.samples * shape.chunks, grain(shape.values_of_chunk()), [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t first = shape.first(chunk);
      const float* factor = folded.factor(chunk / shape.chunks);
      float* columns = sums + chunk * 2 * n;
      std::fill_n(columns, 2 * n, 0.0f);
      for (int64_t row = first; row < first + shape.count(chunk); ++row) {
        const float *in = f32(x) + row * n, *gradient = f32(dy) + row * n;
        const float mean = f32(stats)[2 * row], rstd = f32(stats)[2 * row + 1];
        const RowSums s = gradient_sums(gradient, in, n, mean, rstd, factor, columns);
        apply_gradient(gradient, in, n, mean, rstd, factor, p.rms ? 0.0f : static_cast<float>(s.g * share),
                       static_cast<float>(s.gx * share), f32(dx) + row * n);
        if (residual) add(f32(*residual) + row * n, n, f32(dx) + row * n);
      }
    }
  });
  if (!dweight && !dbias && !dmodulation) return;
  const int64_t chunks = shape.chunks;
  parallel_for(stream, n, grain(shape.samples * chunks), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      double of_weight = 0, of_bias = 0;
      for (int64_t sample = 0; sample < shape.samples; ++sample) {
        double by_one = 0, by_hat = 0;  // sums of dy and of dy x̂
        for (int64_t i = sample * chunks; i < (sample + 1) * chunks; ++i) {
          by_one += static_cast<double>(sums[i * 2 * n + c]);
          by_hat += static_cast<double>(sums[(i * 2 + 1) * n + c]);
        }
        const double scale = 1 + static_cast<double>(folded.scale(sample, c));
        of_weight += scale * by_hat;
        of_bias += scale * by_one;
        if (!dmodulation) continue;
        float* out = f32(*dmodulation) + sample * parts * n + c;
        if (parts == 2) out[0] = static_cast<float>(by_one);
        out[(parts - 1) * n] = static_cast<float>(static_cast<double>(folded.weight(c)) * by_hat +
                                                  static_cast<double>(folded.bias(c)) * by_one);
      }
      if (dweight) f32(*dweight)[c] = static_cast<float>(of_weight);
      if (dbias) f32(*dbias)[c] = static_cast<float>(of_bias);
    }
  });
}

}  // namespace eqv::backend
