// gaussian_vlb: out[n] = mean over a sample's numbers of the bound's term (gaussian_vlb.h) / ln 2. Without `variance` the
// log variance is the smallest of the row. Backward: the term's derivatives · dout[n] / (values · ln 2).
#include "common/ref_backend.h"
#include "gaussian_vlb/gaussian_vlb.h"

namespace eqv::ref {

template <class T>
void gaussian_vlb_fwd(int64_t samples, int64_t values, const T* said, const T* variance, const T* start, const T* noisy,
                      const T* steps, T* out) {
  for (int64_t n = 0; n < samples; ++n) {
    const VlbStep<T> step(steps + n * kVlbColumns);
    T sum = 0;
    for (int64_t i = n * values; i < (n + 1) * values; ++i)
      sum += vlb_term(step, said[i], variance ? variance[i] : T(-1), start[i], noisy[i]).value;
    out[n] = sum / static_cast<T>(values) / T(kNatsPerBit);
  }
}

template <class T>
void gaussian_vlb_bwd(int64_t samples, int64_t values, const T* dout, const T* said, const T* variance, const T* start,
                      const T* noisy, const T* steps, T* dsaid, T* dvariance) {
  for (int64_t n = 0; n < samples; ++n) {
    const VlbStep<T> step(steps + n * kVlbColumns);
    const T share = dout[n] / static_cast<T>(values) / T(kNatsPerBit);
    for (int64_t i = n * values; i < (n + 1) * values; ++i) {
      const VlbTerm<T> term = vlb_term(step, said[i], variance ? variance[i] : T(-1), start[i], noisy[i]);
      if (dsaid) dsaid[i] = share * term.said;
      if (dvariance) dvariance[i] = share * term.variance;
    }
  }
}

}  // namespace eqv::ref

namespace eqv::backend {

void gaussian_vlb_fwd(Stream&, const Tensor& said, const Tensor* variance, const Tensor& start, const Tensor& noisy,
                      const Tensor& steps, const Tensor& out) {
  ref::gaussian_vlb_fwd(said.shape[0], elements(said) / said.shape[0], data(said), data(variance), data(start), data(noisy),
                        data(steps), data(out));
}
void gaussian_vlb_bwd(Stream&, const Tensor& dout, const Tensor& said, const Tensor* variance, const Tensor& start,
                      const Tensor& noisy, const Tensor& steps, const Tensor* dsaid, const Tensor* dvariance) {
  ref::gaussian_vlb_bwd(said.shape[0], elements(said) / said.shape[0], data(dout), data(said), data(variance), data(start),
                        data(noisy), data(steps), data(dsaid), data(dvariance));
}

}  // namespace eqv::backend
