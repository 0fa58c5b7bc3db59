// Dropout. It stores no mask: the backward pass computes the same random numbers again.
#include "parallel.h"
#include "random/philox.h"

namespace eqv::backend {

using namespace cpu;

void dropout(Stream& stream, const eqv_dropout_params& p, const Tensor* counter, const Tensor& x, const Tensor& y) {
  const uint64_t purpose = p.purpose + (counter ? static_cast<uint64_t>(*static_cast<const double*>(counter->data)) : 0);
  const int64_t n = elements(x);
  const float factor = static_cast<float>(1 / (1 - p.rate));
  parallel_for(stream, ceil_div(n, 4), 256, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const philox::Block block = philox::block(p.seed, purpose, static_cast<uint64_t>(i));
      for (int64_t k = 4 * i; k < std::min(n, 4 * i + 4); ++k)
        f32(y)[k] = philox::uniform(block.word[k % 4]) >= p.rate ? f32(x)[k] * factor : 0.0f;
    }
  });
}

}  // namespace eqv::backend
