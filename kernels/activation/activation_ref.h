// silu: x·s, s = 1/(1 + e^−x); derivative s + x·s·(1 − s). relu: max(x, 0). leaky_relu: x or slope·x.
// PyTorch: F.silu, F.relu, F.leaky_relu; at 0 the derivative is 0 (relu) and slope (leaky_relu), as there.
#pragma once

#include <cmath>

#include "common/ref_view.h"

namespace eqv::ref {

template <class T>
T sigmoid(T x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}

template <class T>
T activate(const eqv_activation_params& p, T x) {
  switch (p.kind) {
    case EQV_IDENTITY: return x;
    case EQV_SILU: return x * sigmoid(x);
    case EQV_RELU: return x > 0 ? x : T(0);
    default: return x > 0 ? x : static_cast<T>(p.slope) * x;
  }
}

template <class T>
T silu_derivative(T x) {
  const T s = sigmoid(x);
  return s + x * s * (1 - s);
}

template <class T>
T activation_derivative(const eqv_activation_params& p, T x) {
  switch (p.kind) {
    case EQV_SILU: return silu_derivative(x);
    case EQV_RELU: return x > 0 ? T(1) : T(0);
    default: return x > 0 ? T(1) : static_cast<T>(p.slope);
  }
}

template <class T>
void activation_fwd(const eqv_activation_params& p, View<T> x, View<T> y) {
  for (int64_t i = 0; i < x.size(); ++i) y[i] = activate(p, x[i]);
}

template <class T>
void activation_bwd(const eqv_activation_params& p, View<T> dy, View<T> x, View<T> dx) {
  for (int64_t i = 0; i < x.size(); ++i) dx[i] = dy[i] * activation_derivative(p, x[i]);
}

}  // namespace eqv::ref
