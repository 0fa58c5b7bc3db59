// Dropout. It stores no mask: the backward pass computes the same random numbers again. A thread takes a Philox block's elements.
#include "common/values.h"
#include "random/philox.h"

namespace eqv::backend {

using namespace gpu;

void dropout(Stream& stream, const eqv_dropout_params& p, const Tensor* counter_tensor, const Tensor& x_tensor,
             const Tensor& y_tensor) {
  const int64_t n = elements(x_tensor);
  const Values x = values(x_tensor), y = values(y_tensor);
  const double* counter = counter_tensor ? static_cast<const double*>(counter_tensor->data) : nullptr;
  const uint64_t seed = p.seed, from = p.purpose;
  const double rate = p.rate;
  const float factor = static_cast<float>(1 / (1 - p.rate));
  for_each(stream, "dropout", ceil_div(n, 4), EQV_LAMBDA(int64_t index) {
    const uint64_t purpose = from + (counter ? static_cast<uint64_t>(*counter) : 0);
    const philox::Block block = philox::block(seed, purpose, static_cast<uint64_t>(index));
    for (int i = 0; i < 4; ++i) {
      const int64_t at = 4 * index + i;
      if (at < n) y.set(at, philox::uniform(block.word[i]) >= rate ? x[at] * factor : 0.0f);
    }
  });
}

}  // namespace eqv::backend
