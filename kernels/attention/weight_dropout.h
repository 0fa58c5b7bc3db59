// Which weights of attention are dropped: a function of the seed, the purpose with its counter, and the weight's place, so that
// no mask is stored and the result does not depend on tiles or threads. Each row of keys begins with a Philox block of its own.
#pragma once

#include <cmath>

#include "eqv.h"
#include "random/philox.h"

namespace eqv {

struct WeightDropout {
  uint64_t seed = 0, purpose = 0;
  uint64_t first_kept = 0;  // words below are dropped
  int64_t blocks = 0;       // of a row
  double factor = 1;        // of the weights that are kept: 1/(1 − rate)
  double share = 1;         // 1 − rate

  WeightDropout() = default;
  WeightDropout(const eqv_self_attention_params& p, int64_t keys)
      : seed(p.seed),
        purpose(p.purpose),
        first_kept(static_cast<uint64_t>(std::ceil(p.rate * 0x1p32 - 0.5))),  // philox::uniform(word) >= rate
        blocks((keys + 3) / 4),
        factor(1 / (1 - p.rate)),
        share(1 - p.rate) {}

  EQV_HOST_DEVICE void count(const double* counter) {
    if (counter) purpose += static_cast<uint64_t>(*counter);
  }
  // Of keys 4·block … 4·block + 3 of row (sample·heads + head)·queries + query: bit i says whether weight i is kept.
  EQV_HOST_DEVICE uint32_t kept(int64_t row, int64_t block) const {
    const philox::Block words = philox::block(seed, purpose, static_cast<uint64_t>(row * blocks + block));
    uint32_t bits = 0;
    for (int i = 0; i < 4; ++i) bits |= static_cast<uint32_t>(words.word[i] >= first_kept) << i;
    return bits;
  }
};

}  // namespace eqv
