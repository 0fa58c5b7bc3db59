// timestep_embedding: y = cos(t·f₀) … | sin(t·f₀) …, f_k = max_period^(−k/h), h = width/2; an odd last value is 0.
// Backward: dt = Σ f_k·(dy[h + k]·cos − dy[k]·sin).
// Source: facebookresearch/DiT, TimestepEmbedder.timestep_embedding (as openai/glide-text2im).
#include <cmath>
#include <cstdint>

#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
void timestep_embedding_fwd(double max_period, int64_t count, int64_t width, const T* t, T* y) {
  const int64_t half = width / 2;
  for (int64_t n = 0; n < count; ++n) {
    if (width % 2) y[n * width + width - 1] = 0;
    for (int64_t k = 0; k < half; ++k) {
      const double angle = t[n] * std::exp(-std::log(max_period) * static_cast<double>(k) / static_cast<double>(half));
      y[n * width + k] = static_cast<T>(std::cos(angle));
      y[n * width + half + k] = static_cast<T>(std::sin(angle));
    }
  }
}

template <class T>
void timestep_embedding_bwd(double max_period, int64_t count, int64_t width, const T* dy, const T* t, T* dt) {
  const int64_t half = width / 2;
  for (int64_t n = 0; n < count; ++n) {
    double sum = 0;
    for (int64_t k = 0; k < half; ++k) {
      const double f = std::exp(-std::log(max_period) * static_cast<double>(k) / static_cast<double>(half));
      sum += f * (dy[n * width + half + k] * std::cos(t[n] * f) - dy[n * width + k] * std::sin(t[n] * f));
    }
    dt[n] = static_cast<T>(sum);
  }
}

}  // namespace eqv::ref

namespace eqv::backend {

void timestep_embedding_fwd(Stream&, const eqv_timestep_embedding_params& p, const Tensor& t, const Tensor& y) {
  ref::timestep_embedding_fwd(p.max_period, elements(t), channels_of(y), data(t), data(y));
}
void timestep_embedding_bwd(Stream&, const eqv_timestep_embedding_params& p, const Tensor& dy, const Tensor& t,
                            const Tensor& dt) {
  ref::timestep_embedding_bwd(p.max_period, elements(t), channels_of(dy), data(dy), data(t), data(dt));
}

}  // namespace eqv::backend
