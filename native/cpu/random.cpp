// Random tensors from Philox: the value of an element depends on (seed, purpose, index) alone.
#include <cmath>

#include "parallel.h"
#include "random/philox.h"

namespace eqv::backend {

using namespace cpu;

namespace {

void normal_block(const eqv_random_params& p, const philox::Block& block, float out[4]) {
  for (int i = 0; i < 4; i += 2) {
    double pair[2];
    philox::normal_pair(block.word[i], block.word[i + 1], pair);
    out[i] = static_cast<float>(p.a + p.b * pair[0]);
    out[i + 1] = static_cast<float>(p.a + p.b * pair[1]);
  }
}

void uniform_block(const eqv_random_params& p, const philox::Block& block, float out[4]) {
  const float high = static_cast<float>(p.b);
  for (int i = 0; i < 4; ++i) {
    const float value = static_cast<float>(p.a + (p.b - p.a) * philox::uniform(block.word[i]));
    // Rounding to fp32 may reach `high`, which is not in the interval.
    out[i] = value >= high && p.b > p.a ? std::nextafter(high, static_cast<float>(p.a)) : value;
  }
}

}  // namespace

void random(Stream& stream, const eqv_random_params& p, const Tensor* counter, const Tensor& out) {
  const uint64_t purpose = p.purpose + (counter ? static_cast<uint64_t>(*static_cast<const double*>(counter->data)) : 0);
  const int64_t n = elements(out);
  parallel_for(stream, ceil_div(n, 4), 256, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const philox::Block block = philox::block(p.seed, purpose, static_cast<uint64_t>(i));
      float value[4];
      if (p.distribution == EQV_NORMAL)
        normal_block(p, block, value);
      else
        uniform_block(p, block, value);
      std::copy_n(value, std::min<int64_t>(4, n - 4 * i), f32(out) + 4 * i);
    }
  });
}

}  // namespace eqv::backend
