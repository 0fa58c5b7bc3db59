// What a kernel says of a wait that does not end, before it ends itself: one word in memory of the host, which stays readable
// when the kernel's context is lost.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "common/host_device.h"

namespace eqv::gpu {

// What the barrier is for. The number of a wait is that of the stage, or of the warpgroup that waits for its place in the order.
enum class Wait : unsigned { barrier, full, empty, order };

// The fields of the word, from the lowest bit: 1 (it was written), parity, what, number, thread of the block, block.
EQV_HOST_DEVICE inline uint64_t pack_wait(Wait what, unsigned number, unsigned parity, unsigned thread, unsigned block) {
  return uint64_t{1} | uint64_t{parity & 1} << 1 | uint64_t{static_cast<unsigned>(what) & 15u} << 2 |
         uint64_t{number & 0xffu} << 6 | uint64_t{thread & 0xfffu} << 14 | uint64_t{block} << 26;
}

inline std::string describe_wait(uint64_t word) {
  const char* const names[] = {"a barrier, no.", "barrier 'full' of stage", "barrier 'empty' of stage", "the ordered sequence barrier of warpgroup"};
  const auto field = [word](int bit, unsigned mask) { return static_cast<unsigned>(word >> bit) & mask; };
  const unsigned what = field(2, 15);
  char text[200];
  std::snprintf(text, sizeof text, "a wait in a kernel did not end: for %s %u, parity %u, thread %u of block %u",
                names[what < 4 ? what : 0], field(6, 0xff), field(1, 1), field(14, 0xfff), field(26, ~0u));
  return text;
}

}  // namespace eqv::gpu
