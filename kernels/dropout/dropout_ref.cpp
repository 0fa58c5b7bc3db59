// dropout: y = x/(1 − rate) where u ≥ rate, else 0; u(i) in (0, 1) is word i % 4 of Philox block ⌊i/4⌋ (random/philox.h).
// The backward pass is the same function of dy. PyTorch: F.dropout, with numbers that need not be kept.
#include "common/ref_backend.h"
#include "random/philox.h"

namespace eqv::ref {

template <class T>
void dropout(const eqv_dropout_params& p, double counter, int64_t n, const T* x, T* y) {
  const uint64_t purpose = p.purpose + static_cast<uint64_t>(counter);
  for (int64_t i = 0; i < n; ++i) {
    const auto block = philox::block(p.seed, purpose, static_cast<uint64_t>(i / 4));
    y[i] = philox::uniform(block.word[i % 4]) >= p.rate ? x[i] * static_cast<T>(1 / (1 - p.rate)) : T(0);
  }
}

}  // namespace eqv::ref

namespace eqv::backend {

void dropout(Stream&, const eqv_dropout_params& p, const Tensor* counter, const Tensor& x, const Tensor& y) {
  ref::dropout(p, counter ? *data(*counter) : 0, elements(x), data(x), data(y));
}

}  // namespace eqv::backend
