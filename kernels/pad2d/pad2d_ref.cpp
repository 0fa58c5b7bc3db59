// pad2d: y(p, q) = x(source of p, source of q). Beyond the edges y is zero, the image mirrored at its outermost pixels, or
// the nearest pixel. Backward: a pixel's gradient is the sum over all places that copy it. PyTorch: F.pad(x, (left, right, top, bottom), mode).
#include "common/ref_backend.h"

namespace eqv::ref {

// The pixel that place p copies, -1 for none.
inline int64_t pad2d_source(int mode, int64_t p, int64_t before, int64_t size) {
  int64_t i = p - before;
  if (mode == EQV_EDGE_REFLECT) {
    if (i < 0) i = -i;
    if (i >= size) i = 2 * (size - 1) - i;
  } else if (mode == EQV_EDGE_REPLICATE) {
    if (i < 0) i = 0;
    if (i >= size) i = size - 1;
  }
  return i >= 0 && i < size ? i : -1;
}

template <class T>
void pad2d_fwd(const eqv_pad2d_params& p, View<T> x, View<T> y) {
  for (int64_t n = 0; n < y.n0; ++n)
    for (int64_t i = 0; i < y.n1; ++i)
      for (int64_t j = 0; j < y.n2; ++j) {
        const int64_t a = pad2d_source(p.mode, i, p.top, x.n1), b = pad2d_source(p.mode, j, p.left, x.n2);
        for (int64_t c = 0; c < y.n3; ++c) y(n, i, j, c) = a < 0 || b < 0 ? T(0) : x(n, a, b, c);
      }
}

template <class T>
void pad2d_bwd(const eqv_pad2d_params& p, View<T> dy, View<T> dx) {
  for (int64_t k = 0; k < dx.size(); ++k) dx[k] = 0;
  for (int64_t n = 0; n < dy.n0; ++n)
    for (int64_t i = 0; i < dy.n1; ++i)
      for (int64_t j = 0; j < dy.n2; ++j) {
        const int64_t a = pad2d_source(p.mode, i, p.top, dx.n1), b = pad2d_source(p.mode, j, p.left, dx.n2);
        for (int64_t c = 0; c < dy.n3 && a >= 0 && b >= 0; ++c) dx(n, a, b, c) += dy(n, i, j, c);
      }
}

}  // namespace eqv::ref

namespace eqv::backend {

void pad2d_fwd(Stream&, const eqv_pad2d_params& p, const Tensor& x, const Tensor& y) { ref::pad2d_fwd(p, V(x), V(y)); }
void pad2d_bwd(Stream&, const eqv_pad2d_params& p, const Tensor& dy, const Tensor& dx) { ref::pad2d_bwd(p, V(dy), V(dx)); }

}  // namespace eqv::backend
