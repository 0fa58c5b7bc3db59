// Fills a tensor with Philox numbers; see philox.h for which word becomes which element.
#include "common/ref_backend.h"
#include "random/philox.h"

namespace eqv::ref {

template <class T>
void random(const eqv_random_params& p, double counter, View<T> out) {
  const uint64_t purpose = p.purpose + static_cast<uint64_t>(counter);
  for (int64_t i = 0; i < out.size(); ++i) {
    const auto block = philox::block(p.seed, purpose, static_cast<uint64_t>(i / 4));
    if (p.distribution == EQV_UNIFORM) {
      out[i] = static_cast<T>(p.a + (p.b - p.a) * philox::uniform(block.word[i % 4]));
    } else {
      double pair[2];
      const int first = i % 4 < 2 ? 0 : 2;
      philox::normal_pair(block.word[first], block.word[first + 1], pair);
      out[i] = static_cast<T>(p.a + p.b * pair[i % 2]);
    }
  }
}

}  // namespace eqv::ref

namespace eqv::backend {

void random(Stream&, const eqv_random_params& p, const Tensor* counter, const Tensor& out) {
  ref::random(p, counter ? *data(*counter) : 0, V(rows(out, 1)));
}

}  // namespace eqv::backend
