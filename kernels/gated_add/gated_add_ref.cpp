// gated_add: out = x + gate·y, gate{samples, channels} the same for all rows of a sample.
// Backward: dx = dout, dy = gate·dout, dgate = Σ dout·y over the rows of a sample. PyTorch: x + gate[:, None] * y.
#include <cstdint>

#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
void gated_add_fwd(int64_t samples, int64_t rows, int64_t channels, const T* x, const T* gate, const T* y, T* out) {
  for (int64_t n = 0; n < samples; ++n)
    for (int64_t i = 0; i < rows * channels; ++i) {
      const int64_t at = n * rows * channels + i;
      out[at] = x[at] + gate[n * channels + i % channels] * y[at];
    }
}

template <class T>
void gated_add_bwd(int64_t samples, int64_t rows, int64_t channels, const T* dout, const T* gate, const T* y, T* dgate,
                   T* dy) {
  for (int64_t i = 0; i < samples * channels; ++i) dgate[i] = 0;
  for (int64_t n = 0; n < samples; ++n)
    for (int64_t i = 0; i < rows * channels; ++i) {
      const int64_t at = n * rows * channels + i, c = n * channels + i % channels;
      dy[at] = gate[c] * dout[at];
      dgate[c] += dout[at] * y[at];
    }
}

}  // namespace eqv::ref

namespace eqv::backend {

void gated_add_fwd(Stream&, const Tensor& x, const Tensor& gate, const Tensor& y, const Tensor& out) {
  const int64_t n = x.shape[0], c = channels_of(x);
  ref::gated_add_fwd(n, elements(x) / n / c, c, data(x), data(gate), data(y), data(out));
}
void gated_add_bwd(Stream&, const Tensor& dout, const Tensor& gate, const Tensor& y, const Tensor& dgate,
                   const Tensor& dy) {
  const int64_t n = y.shape[0], c = channels_of(y);
  ref::gated_add_bwd(n, elements(y) / n / c, c, data(dout), data(gate), data(y), data(dgate), data(dy));
}

}  // namespace eqv::backend
