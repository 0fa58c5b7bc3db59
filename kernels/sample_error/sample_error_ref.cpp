// sample_error: out[n] = weight[n]·mean of (a − b)² over the values of sample n; without weight 1.
// Backward: da = 2·dout[n]·weight[n]·(a − b)/values; db is its negative. PyTorch: w * ((a - b) ** 2).flatten(1).mean(1).
#include <cstdint>

#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
void sample_error_fwd(int64_t samples, int64_t values, const T* a, const T* b, const T* weight, T* out) {
  for (int64_t n = 0; n < samples; ++n) {
    T sum = 0;
    for (int64_t i = n * values; i < (n + 1) * values; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    out[n] = (weight ? weight[n] : T(1)) * sum / static_cast<T>(values);
  }
}

template <class T>
void sample_error_bwd(int64_t samples, int64_t values, const T* dout, const T* a, const T* b, const T* weight, T* da) {
  for (int64_t i = 0; i < samples * values; ++i) {
    const int64_t n = i / values;
    da[i] = 2 * dout[n] * (weight ? weight[n] : T(1)) * (a[i] - b[i]) / static_cast<T>(values);
  }
}

}  // namespace eqv::ref

namespace eqv::backend {

void sample_error_fwd(Stream&, const Tensor& a, const Tensor& b, const Tensor* weight, const Tensor& out) {
  ref::sample_error_fwd(a.shape[0], elements(a) / a.shape[0], data(a), data(b), data(weight), data(out));
}
void sample_error_bwd(Stream&, const Tensor& dout, const Tensor& a, const Tensor& b, const Tensor* weight,
                      const Tensor& da) {
  ref::sample_error_bwd(a.shape[0], elements(a) / a.shape[0], data(dout), data(a), data(b), data(weight), data(da));
}

}  // namespace eqv::backend
