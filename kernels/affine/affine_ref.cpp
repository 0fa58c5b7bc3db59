// affine: output pixel (i, j) has the normalised position u = ((2j + 1)/W' − 1, (2i + 1)/H' − 1); it reads the input at
// v = theta·(u, 1), that is at column ((v_x + 1)·W − 1)/2 and row ((v_y + 1)·H − 1)/2, bilinearly, with zeros outside or
// the position clamped to the image. PyTorch: F.affine_grid and F.grid_sample, align_corners=False.
// The adjoint sums, for every input pixel, over all outputs that read it.
#include <algorithm>
#include <cmath>

#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
struct AffineSource {
  T row, column;
};

template <class T>
AffineSource<T> affine_source(const eqv_affine_params& p, const T* theta, int64_t in_h, int64_t in_w, int64_t out_h,
                              int64_t out_w, int64_t i, int64_t j) {
  const T ux = T(2 * j + 1) / T(out_w) - 1, uy = T(2 * i + 1) / T(out_h) - 1;
  const T vx = theta[0] * ux + theta[1] * uy + theta[2], vy = theta[3] * ux + theta[4] * uy + theta[5];
  T column = ((vx + 1) * T(in_w) - 1) / 2, row = ((vy + 1) * T(in_h) - 1) / 2;
  if (p.padding == EQV_PAD_BORDER) {
    column = std::clamp<T>(column, 0, T(in_w - 1));
    row = std::clamp<T>(row, 0, T(in_h - 1));
  }
  return {row, column};
}

// The weight of input pixel (r, s) in a sample at `source`: a tent of radius one.
template <class T>
T affine_weight(const AffineSource<T>& source, int64_t r, int64_t s) {
  const T wr = 1 - std::fabs(source.row - T(r)), ws = 1 - std::fabs(source.column - T(s));
  return wr > 0 && ws > 0 ? wr * ws : T(0);
}

template <class T>
void affine_fwd(const eqv_affine_params& p, View<T> x, const T* theta, View<T> y) {
  for (int64_t n = 0; n < y.n0; ++n)
    for (int64_t i = 0; i < y.n1; ++i)
      for (int64_t j = 0; j < y.n2; ++j) {
        const auto source = affine_source(p, theta + 6 * n, x.n1, x.n2, y.n1, y.n2, i, j);
        for (int64_t c = 0; c < y.n3; ++c) {
          T sum = 0;
          for (int64_t r = 0; r < x.n1; ++r)
            for (int64_t s = 0; s < x.n2; ++s) sum += affine_weight(source, r, s) * x(n, r, s, c);
          y(n, i, j, c) = sum;
        }
      }
}

template <class T>
void affine_bwd(const eqv_affine_params& p, View<T> dy, const T* theta, View<T> dx) {
  for (int64_t n = 0; n < dx.n0; ++n)
    for (int64_t r = 0; r < dx.n1; ++r)
      for (int64_t s = 0; s < dx.n2; ++s)
        for (int64_t c = 0; c < dx.n3; ++c) {
          T sum = 0;
          for (int64_t i = 0; i < dy.n1; ++i)
            for (int64_t j = 0; j < dy.n2; ++j)
              sum += affine_weight(affine_source(p, theta + 6 * n, dx.n1, dx.n2, dy.n1, dy.n2, i, j), r, s) *
                     dy(n, i, j, c);
          dx(n, r, s, c) = sum;
        }
}

}  // namespace eqv::ref

namespace eqv::backend {

void affine_fwd(Stream&, const eqv_affine_params& p, const Tensor& x, const Tensor& theta, const Tensor& y) {
  ref::affine_fwd(p, V(x), data(theta), V(y));
}
void affine_bwd(Stream&, const eqv_affine_params& p, const Tensor& dy, const Tensor& theta, const Tensor& dx) {
  ref::affine_bwd(p, V(dy), data(theta), V(dx));
}

}  // namespace eqv::backend
