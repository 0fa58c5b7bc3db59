// upsample2x: y[n,i,j,c] = x[n, i/2, j/2, c]; backward: the sum of the four. PyTorch: F.interpolate(mode="nearest").
#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
void upsample2x_fwd(View<T> x, View<T> y) {
  for (int64_t n = 0; n < y.n0; ++n)
    for (int64_t i = 0; i < y.n1; ++i)
      for (int64_t j = 0; j < y.n2; ++j)
        for (int64_t c = 0; c < y.n3; ++c) y(n, i, j, c) = x(n, i / 2, j / 2, c);
}

template <class T>
void upsample2x_bwd(View<T> dy, View<T> dx) {
  for (int64_t n = 0; n < dx.n0; ++n)
    for (int64_t i = 0; i < dx.n1; ++i)
      for (int64_t j = 0; j < dx.n2; ++j)
        for (int64_t c = 0; c < dx.n3; ++c)
          dx(n, i, j, c) = (dy(n, 2 * i, 2 * j, c) + dy(n, 2 * i, 2 * j + 1, c)) +
                           (dy(n, 2 * i + 1, 2 * j, c) + dy(n, 2 * i + 1, 2 * j + 1, c));
}

}  // namespace eqv::ref

namespace eqv::backend {

void upsample2x_fwd(Stream&, const Tensor& x, const Tensor& y) { ref::upsample2x_fwd(V(x), V(y)); }
void upsample2x_bwd(Stream&, const Tensor& dy, const Tensor& dx) { ref::upsample2x_bwd(V(dy), V(dx)); }

}  // namespace eqv::backend
