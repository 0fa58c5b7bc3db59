// The activation of a box of results (conv2d/hopper_store.h) in shared memory.
#pragma once

#include "activation/activation.h"
#include "conv2d/hopper_store.h"

namespace eqv::gpu {

constexpr int kBoxValues = kBoxPixels * kBoxChannels;

// For each of two boxes, which take turns: what goes into the activation, and what comes out.
struct ActivatedStaging {
  alignas(1024) dtype::Bf16 before[2][kBoxValues];
  alignas(1024) dtype::Bf16 after[2][kBoxValues];
};

struct Function {
  int32_t kind;
  float slope;
  bool keeps;  // its input is stored, too
};

// Every warp of the warpgroup calls it after it has written its part of a box; it waits for all of them. The order of values
// in the box does not matter: the function is elementwise.
__device__ inline void activate_box(const Function& f, const dtype::Bf16* from, dtype::Bf16* to, int thread) {
  warpgroup_barrier();
#pragma unroll 1
  for (int at = thread * kVector; at < kBoxValues; at += kWarpgroup * kVector)
    activate_vector(f.kind, f.slope, from + at, to + at);
}

}  // namespace eqv::gpu
