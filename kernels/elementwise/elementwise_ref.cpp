// axpby: out = alpha·a + beta·b. add_scaled: out = a + s·b. channel_affine: y = x·scale + shift per channel. arithmetic: a·b,
// a/b or log a. PyTorch: torch.mul, torch.div, torch.log.
#include <cmath>

#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
void axpby(const eqv_axpby_params& p, View<T> a, const T* b, View<T> out) {
  for (int64_t i = 0; i < a.size(); ++i)
    out[i] = static_cast<T>(p.alpha) * a[i] + (b ? static_cast<T>(p.beta) * b[i] : T(0));
}

template <class T>
void add_scaled(const T* a, View<T> b, T s, View<T> out) {
  for (int64_t i = 0; i < b.size(); ++i) out[i] = (a ? a[i] : T(0)) + s * b[i];
}

template <class T>
void channel_affine(View<T> x, const T* scale, const T* shift, View<T> y) {
  for (int64_t i = 0; i < x.size(); ++i) y[i] = x[i] * (scale ? scale[i % x.n3] : T(1)) + (shift ? shift[i % x.n3] : T(0));
}

template <class T>
void arithmetic_fwd(int kind, int64_t n, const T* a, const T* b, T* out) {
  for (int64_t i = 0; i < n; ++i)
    out[i] = kind == EQV_PRODUCT ? a[i] * b[i] : kind == EQV_QUOTIENT ? a[i] / b[i] : std::log(a[i]);
}

template <class T>
void arithmetic_bwd(int kind, int64_t n, const T* dout, const T* a, const T* b, T* da, T* db) {
  for (int64_t i = 0; i < n; ++i) {
    if (da) da[i] = kind == EQV_PRODUCT ? dout[i] * b[i] : kind == EQV_QUOTIENT ? dout[i] / b[i] : dout[i] / a[i];
    if (db) db[i] = kind == EQV_PRODUCT ? dout[i] * a[i] : -dout[i] * a[i] / (b[i] * b[i]);
  }
}

}  // namespace eqv::ref

namespace eqv::backend {

void axpby(Stream&, const eqv_axpby_params& p, const Tensor& a, const Tensor* b, const Tensor& out) {
  ref::axpby(p, V(rows(a, 1)), data(b), V(rows(out, 1)));
}
void arithmetic_fwd(Stream&, const eqv_arithmetic_params& p, const Tensor& a, const Tensor* b, const Tensor& out) {
  ref::arithmetic_fwd(p.kind, elements(a), data(a), data(b), data(out));
}
void arithmetic_bwd(Stream&, const eqv_arithmetic_params& p, const Tensor& dout, const Tensor& a, const Tensor* b,
                    const Tensor* da, const Tensor* db) {
  ref::arithmetic_bwd(p.kind, elements(a), data(dout), data(a), data(b), data(da), data(db));
}
void add_scaled(Stream&, const Tensor* a, const Tensor& b, const Tensor& s, const Tensor& out) {
  ref::add_scaled(data(a), V(rows(b, 1)), *data(s), V(rows(out, 1)));
}
void channel_affine(Stream&, const Tensor& x, const Tensor* scale, const Tensor* shift, const Tensor& y) {
  const int64_t c = x.shape[x.rank - 1];
  ref::channel_affine(V(rows(x, c)), data(scale), data(shift), V(rows(y, c)));
}

}  // namespace eqv::backend
