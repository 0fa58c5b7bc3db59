// Reductions of a whole tensor to one value. A NaN counts as not finite, and wins a maximum.
#include <cmath>

#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
void reduce(const eqv_reduce_params& p, View<T> x, T* out) {
  T r = 0;
  for (int64_t i = 0; i < x.size(); ++i) {
    const T v = x[i];
    switch (p.kind) {
      case EQV_SUM: r += v; break;
      case EQV_SUM_SQUARES: r += v * v; break;
      case EQV_COUNT_NONFINITE: r += std::isfinite(v) ? 0 : 1; break;
      default:
        if (std::isnan(v) || std::fabs(v) > r) r = std::fabs(v);
        if (std::isnan(r)) {
          *out = r;
          return;
        }
    }
  }
  *out = static_cast<T>(p.scale) * r;
}

}  // namespace eqv::ref

namespace eqv::backend {

void reduce(Stream&, const eqv_reduce_params& p, const Tensor& x, const Tensor& out) {
  ref::reduce(p, V(rows(x, 1)), data(out));
}

}  // namespace eqv::backend
