// linear: y[m,o] = bias[o] + sum over i of x[m,i] · w[o,i]. All leading dimensions count as rows m. PyTorch: F.linear.
// An activation may follow (activation_ref.h).
#pragma once

#include "common/ref_view.h"

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
void linear_bwd_input(View<T> dy, View<T> w, View<T> dx) {
  for (int64_t m = 0; m < dx.size() / w.n3; ++m)
    for (int64_t i = 0; i < w.n3; ++i) {
      T sum = 0;
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
