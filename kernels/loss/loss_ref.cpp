// Losses as scaled sums; see EQV_L1 … in eqv.h. The derivative of |d| at 0 is 0; of relu at its kink, 0. PyTorch:
// F.l1_loss, F.mse_loss, F.relu, F.softplus.
#include <cmath>

#include "activation/activation_ref.h"
#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
T softplus(T x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

template <class T>
T loss_value(const eqv_loss_params& p, T a, T b) {
  switch (p.kind) {
    case EQV_L1: return std::fabs(a - b);
    case EQV_L2: return (a - b) * (a - b);
    case EQV_HINGE_REAL: return a < 1 ? 1 - a : (std::isnan(a) ? a : T(0));
    case EQV_HINGE_FAKE: return a > -1 ? 1 + a : (std::isnan(a) ? a : T(0));
    case EQV_NEGATED_SUM: return -a;
    case EQV_SOFTPLUS_REAL: return softplus(-a);
    case EQV_CHARBONNIER: return std::sqrt((a - b) * (a - b) + static_cast<T>(p.epsilon * p.epsilon));
    default: return softplus(a);
  }
}

template <class T>
T loss_derivative(const eqv_loss_params& p, T a, T b) {
  switch (p.kind) {
    case EQV_L1: return a > b ? T(1) : a < b ? T(-1) : T(0);
    case EQV_L2: return 2 * (a - b);
    case EQV_HINGE_REAL: return a < 1 ? T(-1) : T(0);
    case EQV_HINGE_FAKE: return a > -1 ? T(1) : T(0);
    case EQV_NEGATED_SUM: return T(-1);
    case EQV_SOFTPLUS_REAL: return -sigmoid(-a);
    case EQV_CHARBONNIER: return (a - b) / loss_value(p, a, b);
    default: return sigmoid(a);
  }
}

template <class T>
void loss_fwd(const eqv_loss_params& p, View<T> a, const T* b, T* out) {
  T sum = 0;
  for (int64_t i = 0; i < a.size(); ++i) sum += loss_value(p, a[i], b ? b[i] : T(0));
  *out = static_cast<T>(p.scale) * sum;
}

template <class T>
void loss_bwd(const eqv_loss_params& p, const T* dout, View<T> a, const T* b, View<T> da) {
  for (int64_t i = 0; i < a.size(); ++i)
    da[i] = *dout * static_cast<T>(p.scale) * loss_derivative(p, a[i], b ? b[i] : T(0));
}

}  // namespace eqv::ref

namespace eqv::backend {

void loss_fwd(Stream&, const eqv_loss_params& p, const Tensor& a, const Tensor* b, const Tensor& out) {
  ref::loss_fwd(p, V(rows(a, 1)), data(b), data(out));
}
void loss_bwd(Stream&, const eqv_loss_params& p, const Tensor& dout, const Tensor& a, const Tensor* b,
              const Tensor& da) {
  ref::loss_bwd(p, data(dout), V(rows(a, 1)), data(b), V(rows(da, 1)));
}

}  // namespace eqv::backend
