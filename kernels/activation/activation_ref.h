// silu: x·s, s = 1/(1 + e^−x); derivative s + x·s·(1 − s). relu: max(x, 0). leaky_relu: x or slope·x.
// gelu: x·Φ(x), Φ(x) = ½(1 + erf(x/√2)); derivative Φ + x·e^(−x²/2)/√(2π). gelu_tanh: x·σ(2w), w = √(2/π)(x + 0.044715x³),
// which is ½x(1 + tanh w) (Hendrycks and Gimpel, arXiv 1606.08415).
// PyTorch: F.silu, F.relu, F.leaky_relu, F.gelu(approximate="none" and "tanh"); at 0 the derivative is 0 (relu) and slope
// (leaky_relu), as there.
#pragma once

#include <cmath>

#include "common/ref_view.h"

namespace eqv::ref {

template <class T>
T sigmoid(T x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}

// √(2/π), 1/√2, 1/√(2π)
inline constexpr double kGeluRoot = 0.79788456080286535588, kRootHalf = 0.70710678118654752440,
                        kNormalPeak = 0.39894228040143267794;

// 2w of gelu_tanh and its derivative.
template <class T>
T gelu_argument(T x) {
  return static_cast<T>(2 * kGeluRoot) * (x + static_cast<T>(0.044715) * x * x * x);
}
template <class T>
T gelu_argument_derivative(T x) {
  return static_cast<T>(2 * kGeluRoot) * (1 + static_cast<T>(3 * 0.044715) * x * x);
}
template <class T>
T normal_distribution(T x) {
  return std::erfc(-x * static_cast<T>(kRootHalf)) / 2;
}

template <class T>
T activate(const eqv_activation_params& p, T x) {
  switch (p.kind) {
    case EQV_IDENTITY: return x;
    case EQV_SILU: return x * sigmoid(x);
    case EQV_RELU: return x > 0 ? x : T(0);
    case EQV_GELU_TANH: return x * sigmoid(gelu_argument(x));
    case EQV_GELU: return x * normal_distribution(x);
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
    case EQV_GELU_TANH: {
      const T s = sigmoid(gelu_argument(x));
      return s + x * s * (1 - s) * gelu_argument_derivative(x);
    }
    case EQV_GELU: return normal_distribution(x) + x * static_cast<T>(kNormalPeak) * std::exp(-x * x / 2);
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
