// linear: y[m,o] = bias[o] + sum over i of x[m,i] · w[o,i]. All leading dimensions count as rows m. PyTorch: F.linear.
// An activation may follow (activation_ref.h).
#include "activation/activation_ref.h"
#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
void linear_fwd(View<T> x, View<T> w, const T* bias, View<T> y) {
  for (int64_t m = 0; m < x.size() / w.n3; ++m)
    for (int64_t o = 0; o < w.n2; ++o) {
      T sum = bias ? bias[o] : T(0);
      for (int64_t i = 0; i < w.n3; ++i) sum += x[m * w.n3 + i] * w(o, i);
      y[m * w.n2 + o] = sum;
    }
}

template <class T>
void linear_bwd_input(View<T> dy, View<T> w, const T* residual, View<T> dx) {
  for (int64_t m = 0; m < dx.size() / w.n3; ++m)
    for (int64_t i = 0; i < w.n3; ++i) {
      T sum = residual ? residual[m * w.n3 + i] : T(0);
      for (int64_t o = 0; o < w.n2; ++o) sum += dy[m * w.n2 + o] * w(o, i);
      dx[m * w.n3 + i] = sum;
    }
}

template <class T>
void linear_bwd_weight(View<T> x, View<T> dy, View<T> dw, T* dbias) {
  const int64_t rows = x.size() / dw.n3;
  for (int64_t o = 0; o < dw.n2; ++o) {
    for (int64_t i = 0; i < dw.n3; ++i) {
      T sum = 0;
      for (int64_t m = 0; m < rows; ++m) sum += dy[m * dw.n2 + o] * x[m * dw.n3 + i];
      dw(o, i) = sum;
    }
    if (!dbias) continue;
    T sum = 0;
    for (int64_t m = 0; m < rows; ++m) sum += dy[m * dw.n2 + o];
    dbias[o] = sum;
  }
}

}  // namespace eqv::ref

namespace eqv::backend {

void linear_fwd(Stream&, const eqv_activation_params& p, const Tensor& x, const Tensor& w, const Tensor* bias,
                const Tensor* before, const Tensor& y) {
  const Tensor& sums = before ? *before : y;
  ref::linear_fwd(V(rows(x, w.shape[1])), V(w), data(bias), V(rows(sums, w.shape[0])));
  if (p.kind != EQV_IDENTITY) ref::activation_fwd(p, V(rows(sums, 1)), V(rows(y, 1)));
}
void linear_bwd_input(Stream&, const Tensor& dy, const Tensor& w, const Tensor* residual, const Tensor& dx) {
  ref::linear_bwd_input(V(rows(dy, w.shape[0])), V(w), data(residual), V(rows(dx, w.shape[1])));
}
void linear_bwd_weight(Stream&, const Tensor& x, const Tensor& dy, const Tensor& dw, const Tensor* dbias) {
  ref::linear_bwd_weight(V(rows(x, dw.shape[1])), V(rows(dy, dw.shape[0])), V(dw), data(dbias));
}

}  // namespace eqv::backend
