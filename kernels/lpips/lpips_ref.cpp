// One level of LPIPS: f̂ = f/(‖f‖ + 1e−10) over channels; out[n] = 1/(H·W) Σ Σ_c w_c (f̂0_c − f̂1_c)². With `each`, w has a
// weight for each value.
// Backward for f1 with g_c = −2 w_c (f̂0_c − f̂1_c)·dout/(H·W), a = ‖f1‖ + 1e−10:
//   df1_c = g_c/a − f1_c·(Σ g·f1)/(a²·‖f1‖);  0 where f1 is 0. Source: richzhang/PerceptualSimilarity lpips/lpips.py.
#include <cmath>

#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
T lpips_norm(const T* f, int64_t c) {
  T sum = 0;
  for (int64_t i = 0; i < c; ++i) sum += f[i] * f[i];
  return std::sqrt(sum);
}

constexpr double kLpipsEps = 1e-10;

template <class T>
void lpips_head_fwd(View<T> f0, View<T> f1, const T* w, bool each, T* out) {
  const int64_t pixels = f0.n1 * f0.n2, c = f0.n3;
  for (int64_t n = 0; n < f0.n0; ++n) {
    T sum = 0;
    for (int64_t i = 0; i < pixels; ++i) {
      const T *a = f0.data + (n * pixels + i) * c, *b = f1.data + (n * pixels + i) * c;
      const T na = lpips_norm(a, c) + T(kLpipsEps), nb = lpips_norm(b, c) + T(kLpipsEps);
      for (int64_t k = 0; k < c; ++k) {
        const T d = a[k] / na - b[k] / nb;
        sum += w[(each ? (n * pixels + i) * c : 0) + k] * d * d;
      }
    }
    out[n] = sum / T(pixels);
  }
}

template <class T>
void lpips_head_bwd(const T* dout, View<T> f0, View<T> f1, const T* w, bool each, View<T> df1) {
  const int64_t pixels = f0.n1 * f0.n2, c = f0.n3;
  for (int64_t n = 0; n < f0.n0; ++n)
    for (int64_t i = 0; i < pixels; ++i) {
      const T *a = f0.data + (n * pixels + i) * c, *b = f1.data + (n * pixels + i) * c;
      T* d = df1.data + (n * pixels + i) * c;
      const T norm = lpips_norm(b, c), na = lpips_norm(a, c) + T(kLpipsEps), nb = norm + T(kLpipsEps);
      T dot = 0;
      for (int64_t k = 0; k < c; ++k) {
        d[k] = -2 * w[(each ? (n * pixels + i) * c : 0) + k] * (a[k] / na - b[k] / nb) * dout[n] / T(pixels);
        dot += d[k] * b[k];
      }
      for (int64_t k = 0; k < c; ++k) d[k] = norm > 0 ? d[k] / nb - b[k] * dot / (nb * nb * norm) : T(0);
    }
}

}  // namespace eqv::ref

namespace eqv::backend {

void lpips_head_fwd(Stream&, const Tensor& f0, const Tensor& f1, const Tensor& w, const Tensor& out) {
  ref::lpips_head_fwd(V(f0), V(f1), data(w), w.rank == 4, data(out));
}
void lpips_head_bwd(Stream&, const Tensor& dout, const Tensor& f0, const Tensor& f1, const Tensor& w,
                    const Tensor& df1) {
  ref::lpips_head_bwd(data(dout), V(f0), V(f1), data(w), w.rank == 4, V(df1));
}

}  // namespace eqv::backend
