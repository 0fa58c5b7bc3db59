// The diagonal Gaussian posterior: moments = mean | logvar on channels, logvar clamped to [−30, 20].
//   z = mean + exp(logvar/2)·noise;   kl = mean over samples of ½ Σ (mean² + exp(logvar) − 1 − logvar).
// Outside its range the clamp's gradient is 0. Source: CompVis DiagonalGaussianDistribution.
#include <algorithm>
#include <cmath>

#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
T clamp_logvar(T v) {
  return std::clamp<T>(v, -30, 20);
}

template <class T>
bool logvar_inside(T v) {
  return v >= -30 && v <= 20;
}

template <class T>
void gaussian_sample_fwd(View<T> moments, View<T> noise, View<T> z) {
  const int64_t c = z.n3;
  for (int64_t i = 0; i < z.size(); ++i) {
    const int64_t at = i / c * 2 * c + i % c;
    z[i] = moments[at] + std::exp(clamp_logvar(moments[at + c]) / 2) * noise[i];
  }
}

template <class T>
void gaussian_sample_bwd(View<T> dz, View<T> moments, View<T> noise, View<T> dmoments) {
  const int64_t c = dz.n3;
  for (int64_t i = 0; i < dz.size(); ++i) {
    const int64_t at = i / c * 2 * c + i % c;
    const T v = moments[at + c];
    dmoments[at] = dz[i];
    dmoments[at + c] = logvar_inside(v) ? dz[i] * noise[i] * std::exp(v / 2) / 2 : T(0);
  }
}

template <class T>
void gaussian_kl_fwd(View<T> moments, T* out) {
  const int64_t c = moments.n3 / 2;
  T sum = 0;
  for (int64_t at = 0; at < moments.size(); ++at) {
    if (at / c % 2) continue;  // a log variance; taken together with its mean
    const T mean = moments[at], v = clamp_logvar(moments[at + c]);
    sum += (mean * mean + std::exp(v) - 1 - v) / 2;
  }
  *out = sum / T(moments.n0);
}

template <class T>
void gaussian_kl_bwd(const T* dout, View<T> moments, View<T> dmoments) {
  const int64_t c = moments.n3 / 2;
  const T g = *dout / T(moments.n0);
  for (int64_t at = 0; at < moments.size(); ++at) {
    if (at / c % 2) continue;
    const T v = moments[at + c];
    dmoments[at] = g * moments[at];
    dmoments[at + c] = logvar_inside(v) ? g * (std::exp(v) - 1) / 2 : T(0);
  }
}

}  // namespace eqv::ref

namespace eqv::backend {

void gaussian_sample_fwd(Stream&, const Tensor& moments, const Tensor& noise, const Tensor& z) {
  ref::gaussian_sample_fwd(V(moments), V(noise), V(z));
}
void gaussian_sample_bwd(Stream&, const Tensor& dz, const Tensor& moments, const Tensor& noise,
                         const Tensor& dmoments) {
  ref::gaussian_sample_bwd(V(dz), V(moments), V(noise), V(dmoments));
}
void gaussian_kl_fwd(Stream&, const Tensor& moments, const Tensor& out) {
  ref::gaussian_kl_fwd(V(moments), data(out));
}
void gaussian_kl_bwd(Stream&, const Tensor& dout, const Tensor& moments, const Tensor& dmoments) {
  ref::gaussian_kl_bwd(data(dout), V(moments), V(dmoments));
}

}  // namespace eqv::backend
