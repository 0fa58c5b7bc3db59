// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as
// 1, 2, 3" (SC'11), and the two distributions made from it. Element i of a tensor comes from word i % 4 of block i / 4,
// so any element can be computed alone and no state is carried between calls.
#pragma once

#include <cmath>
#include <cstdint>

#include "common/host_device.h"

namespace eqv::philox {

struct Block {
  uint32_t word[4];
};

// counter = {block low, block high, purpose low, purpose high}, key = {seed low, seed high}
EQV_HOST_DEVICE inline Block block(uint64_t seed, uint64_t purpose, uint64_t index) {
  uint32_t c0 = static_cast<uint32_t>(index), c1 = static_cast<uint32_t>(index >> 32);
  uint32_t c2 = static_cast<uint32_t>(purpose), c3 = static_cast<uint32_t>(purpose >> 32);
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = static_cast<uint64_t>(c0) * 0xD2511F53u, p1 = static_cast<uint64_t>(c2) * 0xCD9E8D57u;
    c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(p1);
    c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// In (0, 1), both ends excluded, so that its logarithm is finite.
EQV_HOST_DEVICE inline double uniform(uint32_t word) { return (static_cast<double>(word) + 0.5) * 0x1p-32; }

// Box-Muller: two words to two independent standard normal values.
EQV_HOST_DEVICE inline void normal_pair(uint32_t word0, uint32_t word1, double out[2]) {
  const double radius = std::sqrt(-2.0 * std::log(uniform(word0)));
  double sine, cosine;
  sine_cosine_of_turns(uniform(word1), sine, cosine);
  out[0] = radius * cosine;
  out[1] = radius * sine;
}

}  // namespace eqv::philox
