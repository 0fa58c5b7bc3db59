// The pipeline of tiles in shared memory between the producer, one thread that starts copies, and the consumers, the
// warpgroups that multiply (CUTLASS: PipelineTmaAsync). A stage has two barriers: `full` ends a phase when all its bytes are
// there, `empty` when all consumers have read them. Each block of a cluster of two loads half of the tiles that both need, and
// multicasts it; so a stage is empty only when the consumers of both blocks have read it. A pipeline whose tiles are read by
// its own block alone has kBlocks = 1, also in a cluster.
#pragma once

#include "common/device.h"
#include "common/hopper.h"

namespace eqv::gpu {

constexpr int kTileDepth = 64, kWarpgroup = 128, kHopperThreads = 3 * kWarpgroup;

// What the next launch reads as tiles, whose bytes come through the cache that all multiprocessors share: for the planner.
inline void reads_tiles([[maybe_unused]] Stream& stream, [[maybe_unused]] int64_t bytes, [[maybe_unused]] int64_t copies) {
#if defined(EQV_PLANS)
  planned_tiles(stream, bytes, copies);
#endif
}

// kA rows of one operand and kB of the other, kTileDepth deep.
template <int kA, int kB>
struct Operands {
  dtype::Bf16 a[kA * kTileDepth];
  dtype::Bf16 b[kB * kTileDepth];
};

// kFirst: the number that reports of waits give its first stage.
template <class Stage, int kStages, int kBlocks, unsigned kFirst = 0>
struct Pipeline {
  static constexpr unsigned kStageBytes = sizeof(Stage), kEveryBlock = (1u << kBlocks) - 1;
  alignas(1024) Stage stages[kStages];
  Barrier full[kStages], empty[kStages];
  uint64_t* report;  // of waits that do not end

  // Called by all threads of the cluster. `consumers`: warpgroups of a block that read a stage.
  __device__ void init(unsigned consumers, uint64_t* reports) {
    if (threadIdx.x == 0) {
      report = reports;
      for (int i = 0; i < kStages; ++i) {
        barrier_init(&full[i], 1);
        barrier_init(&empty[i], consumers * kBlocks);
      }
      fence_barrier_init();
    }
    cluster_barrier();
  }

  // Waits until the stage is empty, and announces the bytes of its next tiles, whose copies count on the barrier returned.
  __device__ Barrier* producer_acquire(int stage, unsigned phase) {
    barrier_wait(&empty[stage], phase, Wait::empty, kFirst + static_cast<unsigned>(stage), &report);
    barrier_expect(&full[stage], kStageBytes);
    return &full[stage];
  }

  __device__ void consumer_wait(int stage, unsigned phase) {
    barrier_wait(&full[stage], phase, Wait::full, kFirst + static_cast<unsigned>(stage), &report);
  }

  // This warpgroup has read the stage. All its threads call this, or at least the first kBlocks of them.
  __device__ void consumer_release(int stage, unsigned thread) {
    if constexpr (kBlocks == 1) {
      if (thread == 0) barrier_arrive(&empty[stage]);
    } else {
      if (thread < kBlocks) barrier_arrive_at(&empty[stage], thread);
    }
  }

  // Called by all threads of the cluster at the end: no block ends while the other may still arrive in its memory.
  __device__ void finish() { cluster_barrier(); }
};

// Where a producer or consumer is: the stage that comes next, and the parity of its phase.
template <int kStages>
struct PipelineState {
  int stage = 0;
  unsigned phase = 0;

  __device__ void advance() {
    if (++stage == kStages) {
      stage = 0;
      phase ^= 1;
    }
  }
  __device__ void advance(int steps) {
    const int to = stage + steps;
    phase ^= static_cast<unsigned>(to / kStages) & 1u;
    stage = to % kStages;
  }
};

}  // namespace eqv::gpu
