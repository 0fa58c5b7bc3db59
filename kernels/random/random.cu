// Random tensors from Philox: the value of an element depends on (seed, purpose, index) alone.
#include "common/device.h"
#include "random/philox.h"

namespace eqv::backend {

using namespace gpu;

void random(Stream& stream, const eqv_random_params& p, const Tensor* counter_tensor, const Tensor& out_tensor) {
  const int64_t n = elements(out_tensor);
  float* out = f32(out_tensor);
  const double* counter = counter_tensor ? static_cast<const double*>(counter_tensor->data) : nullptr;
  const eqv_random_params q = p;
  for_each(stream, "random", ceil_div(n, 4), EQV_LAMBDA(int64_t index) {
    const uint64_t purpose = q.purpose + (counter ? static_cast<uint64_t>(*counter) : 0);
    const philox::Block block = philox::block(q.seed, purpose, static_cast<uint64_t>(index));
    float value[4];
    for (int i = 0; i < 4; i += 2) {
      if (q.distribution == EQV_NORMAL) {
        double pair[2];
        philox::normal_pair(block.word[i], block.word[i + 1], pair);
        value[i] = static_cast<float>(q.a + q.b * pair[0]);
        value[i + 1] = static_cast<float>(q.a + q.b * pair[1]);
        continue;
      }
      const float high = static_cast<float>(q.b);
      for (int j = i; j < i + 2; ++j) {
        const float v = static_cast<float>(q.a + (q.b - q.a) * philox::uniform(block.word[j]));
        // Rounding to fp32 may reach `high`, which is not in the interval.
        value[j] = v >= high && q.b > q.a ? nextafterf(high, static_cast<float>(q.a)) : v;
      }
    }
    for (int i = 0; i < 4 && 4 * index + i < n; ++i) out[4 * index + i] = value[i];
  });
}

}  // namespace eqv::backend
