// sample_mix: out[n] = factors[n,0]·a[n] + factors[n,1]·b[n], the same factors for all values of a sample. Diffusion adds
// noise to data in this way. Backward: da = factors[n,0]·dout, db = factors[n,1]·dout.
#include <cstdint>

#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
void sample_mix_fwd(int64_t samples, int64_t values, const T* a, const T* b, const T* factors, T* out) {
  for (int64_t i = 0; i < samples * values; ++i) {
    const T* f = factors + i / values * 2;
    out[i] = f[0] * a[i] + f[1] * b[i];
  }
}

template <class T>
void sample_mix_bwd(int64_t samples, int64_t values, const T* dout, const T* factors, T* da, T* db) {
  for (int64_t i = 0; i < samples * values; ++i) {
    const T* f = factors + i / values * 2;
    if (da) da[i] = f[0] * dout[i];
    if (db) db[i] = f[1] * dout[i];
  }
}

}  // namespace eqv::ref

namespace eqv::backend {

void sample_mix_fwd(Stream&, const Tensor& a, const Tensor& b, const Tensor& factors, const Tensor& out) {
  ref::sample_mix_fwd(a.shape[0], elements(a) / a.shape[0], data(a), data(b), data(factors), data(out));
}
void sample_mix_bwd(Stream&, const Tensor& dout, const Tensor& factors, const Tensor* da, const Tensor* db) {
  ref::sample_mix_bwd(dout.shape[0], elements(dout) / dout.shape[0], data(dout), data(factors), data(da), data(db));
}

}  // namespace eqv::backend
