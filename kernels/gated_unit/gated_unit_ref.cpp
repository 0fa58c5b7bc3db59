// gated_unit, per row x = a | b of 2H values: y = silu(a)·b. Backward: da = dy·b·silu′(a), db = dy·silu(a).
// The middle of SwiGLU (Shazeer, arXiv 2002.05202). PyTorch: a, b = x.chunk(2, -1); F.silu(a) * b.
#include "activation/activation_ref.h"
#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
void gated_unit_fwd(int64_t rows, int64_t half, const T* x, T* y) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < half; ++i) {
      const T a = x[r * 2 * half + i], b = x[r * 2 * half + half + i];
      y[r * half + i] = a * sigmoid(a) * b;
    }
}

template <class T>
void gated_unit_bwd(int64_t rows, int64_t half, const T* dy, const T* x, T* dx) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < half; ++i) {
      const int64_t at = r * 2 * half + i;
      const T a = x[at], b = x[at + half], d = dy[r * half + i];
      dx[at] = d * b * silu_derivative(a);
      dx[at + half] = d * a * sigmoid(a);
    }
}

}  // namespace eqv::ref

namespace eqv::backend {

void gated_unit_fwd(Stream&, const Tensor& x, const Tensor& y) {
  ref::gated_unit_fwd(rows_of(y), channels_of(y), data(x), data(y));
}
void gated_unit_bwd(Stream&, const Tensor& dy, const Tensor& x, const Tensor& dx) {
  ref::gated_unit_bwd(rows_of(dy), channels_of(dy), data(dy), data(x), data(dx));
}

}  // namespace eqv::backend
