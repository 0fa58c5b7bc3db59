// max_pool2x2: the maximum of each 2×2 square and which of the four it was (row-major, the first of equals); a NaN wins,
// as in PyTorch. Backward: the gradient goes to that one. PyTorch: F.max_pool2d(x, 2).
#include <cmath>

#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
void max_pool2x2_fwd(View<T> x, View<T> y, View<uint8_t> index) {
  for (int64_t n = 0; n < y.n0; ++n)
    for (int64_t i = 0; i < y.n1; ++i)
      for (int64_t j = 0; j < y.n2; ++j)
        for (int64_t c = 0; c < y.n3; ++c) {
          T best = x(n, 2 * i, 2 * j, c);
          uint8_t which = 0;
          for (uint8_t k = 1; k < 4; ++k) {
            const T value = x(n, 2 * i + k / 2, 2 * j + k % 2, c);
            if (value > best || (std::isnan(value) && !std::isnan(best))) best = value, which = k;
          }
          y(n, i, j, c) = best;
          index(n, i, j, c) = which;
        }
}

template <class T>
void max_pool2x2_bwd(View<T> dy, View<uint8_t> index, View<T> dx) {
  for (int64_t n = 0; n < dx.n0; ++n)
    for (int64_t i = 0; i < dx.n1; ++i)
      for (int64_t j = 0; j < dx.n2; ++j)
        for (int64_t c = 0; c < dx.n3; ++c) {
          const bool inside = i / 2 < dy.n1 && j / 2 < dy.n2;
          const bool chosen = inside && index(n, i / 2, j / 2, c) == (i % 2) * 2 + j % 2;
          dx(n, i, j, c) = chosen ? dy(n, i / 2, j / 2, c) : T(0);
        }
}

}  // namespace eqv::ref

namespace eqv::backend {

void max_pool2x2_fwd(Stream&, const Tensor& x, const Tensor& y, const Tensor& index) {
  ref::max_pool2x2_fwd(V(x), V(y), U8(index));
}
void max_pool2x2_bwd(Stream&, const Tensor& dy, const Tensor& index, const Tensor& dx) {
  ref::max_pool2x2_bwd(V(dy), U8(index), V(dx));
}

}  // namespace eqv::backend
