// rope: neighbours (2k, 2k + 1) of each of the first `rotated` heads are rotated by their token's angles,
// y[2k] = x[2k]·cos[2k] − x[2k+1]·sin[2k], y[2k+1] = x[2k+1]·cos[2k+1] + x[2k]·sin[2k+1]; the other heads are copied.
// With `transposed` the adjoint of that: the backward pass. PyTorch: x * cos + rotate_half(x) * sin with adjacent pairs
// (Su et al., arXiv 2104.09864).
#include <cstdint>

#include "common/ref_backend.h"

namespace eqv::ref {

// x, y{samples, tokens, heads, size}; cos, sin{tokens, size}
template <class T>
void rope(const eqv_rope_params& p, int64_t samples, int64_t tokens, int64_t heads, int64_t size, const T* x, const T* cos,
          const T* sin, T* y) {
  for (int64_t row = 0; row < samples * tokens * heads; ++row) {
    const T* c = cos + row / heads % tokens * size;
    const T* s = sin + row / heads % tokens * size;
    for (int64_t i = 0; i < size; i += 2) {
      const T a = x[row * size + i], b = x[row * size + i + 1];
      const bool turn = row % heads < p.rotated;
      const T minus = p.transposed ? -s[i + 1] : s[i], plus = p.transposed ? -s[i] : s[i + 1];
      y[row * size + i] = turn ? a * c[i] - b * minus : a;
      y[row * size + i + 1] = turn ? b * c[i + 1] + a * plus : b;
    }
  }
}

}  // namespace eqv::ref

namespace eqv::backend {

void rope(Stream&, const eqv_rope_params& p, const Tensor& x, const Tensor& cos, const Tensor& sin, const Tensor& y) {
  ref::rope(p, x.shape[0], x.shape[1], x.shape[2], x.shape[3], data(x), data(cos), data(sin), data(y));
}

}  // namespace eqv::backend
