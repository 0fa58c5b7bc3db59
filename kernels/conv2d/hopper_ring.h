// Tiles in shared memory between the thread that starts copies and the two warpgroups that multiply (common/hopper.h). Two
// barriers a stage: `full` when its bytes are there, `empty` when both warpgroups have read it.
#pragma once

#include "common/hopper.h"

namespace eqv::gpu {

constexpr int kTileDepth = 64, kWarpgroup = 128, kHopperThreads = 3 * kWarpgroup;

// kA rows of one operand and kB of the other, kTileDepth deep.
template <int kA, int kB, int kStages>
struct Ring {
  struct Stage {
    dtype::Bf16 a[kA * kTileDepth];
    dtype::Bf16 b[kB * kTileDepth];
  };
  static constexpr unsigned kStageBytes = sizeof(Stage);
  alignas(1024) Stage stages[kStages];
  Barrier full[kStages], empty[kStages];

  // For all threads of the block.
  __device__ void init() {
    static_assert(sizeof(Ring) <= 227 << 10, "a block of sm_90 has 227 KiB of shared memory");
    if (threadIdx.x == 0) {
      for (int i = 0; i < kStages; ++i) {
        barrier_init(&full[i], 1);
        barrier_init(&empty[i], 2);
      }
      fence_barrier_init();
    }
    __syncthreads();
  }
};

// Where a warpgroup is in the ring.
template <int kStages>
struct Place {
  int stage = 0;
  unsigned parity = 0;

  __device__ void next() {
    if (++stage == kStages) {
      stage = 0;
      parity ^= 1;
    }
  }
};

}  // namespace eqv::gpu
