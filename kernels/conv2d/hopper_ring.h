// Tiles in shared memory between the thread that starts copies and the two warpgroups that multiply (common/hopper.h). Two
// barriers a stage: `full` when its bytes are there, `empty` when all that read it have done so. In a cluster of two blocks
// each brings half of what both need to both, so a stage is empty only when the readers of both blocks have read it.
#pragma once

#include "common/hopper.h"

namespace eqv::gpu {

constexpr int kTileDepth = 64, kWarpgroup = 128, kHopperThreads = 3 * kWarpgroup;

// kA rows of one operand and kB of the other, kTileDepth deep, in each of kBlocks blocks.
template <int kA, int kB, int kStages, int kBlocks>
struct Ring {
  struct Stage {
    dtype::Bf16 a[kA * kTileDepth];
    dtype::Bf16 b[kB * kTileDepth];
  };
  static constexpr unsigned kStageBytes = sizeof(Stage), kEveryBlock = (1u << kBlocks) - 1;
  alignas(1024) Stage stages[kStages];
  Barrier full[kStages], empty[kStages];

  // For all threads of the cluster. `readers`: warpgroups of a block that read a stage.
  __device__ void init(unsigned readers) {
    if (threadIdx.x == 0) {
      for (int i = 0; i < kStages; ++i) {
        barrier_init(&full[i], 1);
        barrier_init(&empty[i], readers * kBlocks);
      }
      fence_barrier_init();
    }
    cluster_barrier();
  }

  // Waits until every reader has left the stage, and announces the bytes that it will get.
  __device__ Barrier* refill(int stage, unsigned parity) {
    barrier_wait(&empty[stage], parity);
    barrier_expect(&full[stage], kStageBytes);
    return &full[stage];
  }

  // This warpgroup has read the stage; by each of its threads, or the first kBlocks.
  __device__ void release(int stage, unsigned thread) {
    if (thread < kBlocks) barrier_arrive_at(&empty[stage], thread);
  }

  // For all threads of the cluster, at the end: nobody uses the other's memory any more.
  __device__ void finish() { cluster_barrier(); }
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
  __device__ void skip(int steps) {
    const int to = stage + steps;
    parity ^= static_cast<unsigned>(to / kStages) & 1u;
    stage = to % kStages;
  }
};

}  // namespace eqv::gpu
