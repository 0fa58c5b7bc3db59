// upsample_weight: v[i,o,m,n] = sum of w[o,i,r,s] over the taps r of m and s of n. A pixel of the small image is two rows of
// the doubled one; along one axis, row 2h − 1 + m of the result sees them through taps 2 − m and 3 − m.
#include <algorithm>

#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
void upsample_weight_fwd(View<T> w, View<T> v) {
  for (int64_t i = 0; i < v.n0; ++i)
    for (int64_t o = 0; o < v.n1; ++o)
      for (int64_t m = 0; m < 4; ++m)
        for (int64_t n = 0; n < 4; ++n) {
          T sum = 0;
          for (int64_t r = std::max<int64_t>(0, 2 - m); r <= std::min<int64_t>(2, 3 - m); ++r)
            for (int64_t s = std::max<int64_t>(0, 2 - n); s <= std::min<int64_t>(2, 3 - n); ++s) sum += w(o, i, r, s);
          v(i, o, m, n) = sum;
        }
}

// Tap r is part of v's taps 2 − r and 3 − r.
template <class T>
void upsample_weight_bwd(View<T> dv, View<T> dw) {
  for (int64_t o = 0; o < dw.n0; ++o)
    for (int64_t i = 0; i < dw.n1; ++i)
      for (int64_t r = 0; r < 3; ++r)
        for (int64_t s = 0; s < 3; ++s)
          dw(o, i, r, s) = (dv(i, o, 2 - r, 2 - s) + dv(i, o, 2 - r, 3 - s)) + (dv(i, o, 3 - r, 2 - s) + dv(i, o, 3 - r, 3 - s));
}

template <class T>
void bias_bwd(View<T> dy, int64_t count, int64_t channels, View<T> dbias) {
  for (int64_t c = 0; c < channels; ++c) {
    T sum = 0;
    for (int64_t i = c; i < count; i += channels) sum += dy[i];
    dbias[c] = sum;
  }
}

}  // namespace eqv::ref

namespace eqv::backend {

void upsample_weight_fwd(Stream&, const Tensor& w, const Tensor& v) { ref::upsample_weight_fwd(V(w), V(v)); }
void upsample_weight_bwd(Stream&, const Tensor& dv, const Tensor& dw) { ref::upsample_weight_bwd(V(dv), V(dw)); }
void bias_bwd(Stream&, const Tensor& dy, const Tensor& dbias) {
  ref::bias_bwd(V(dy), elements(dy), dbias.shape[0], V(dbias));
}

}  // namespace eqv::backend
