// What sm_90a adds: barriers in shared memory that count bytes, the tensor memory accelerator that copies tiles there and
// back, clusters of blocks that reach each other's shared memory, and matrix products of a whole warpgroup (128 threads)
// that run while it goes on. Each function is one PTX instruction, with
// a twin under the shim (native/simt/hopper.h). A kernel that uses them is compiled for older architectures too, where it
// must not be launched.
#pragma once

#include "common/async_copy.h"
#include "common/wait_report.h"
#include "common/wgmma_instructions.h"

#if defined(__CUDACC__)
#include <cuda.h>
#else
#include "simt/hopper.h"
#endif

namespace eqv::gpu {

#if defined(__CUDACC__)
using TensorMap = CUtensorMap;
#else
using TensorMap = simt::TensorMap;
#endif

// native/cuda/tensor_map.cu, native/simt/hopper.cpp. Tiles of bf16 in shared memory have rows of 64 values (128 bytes),
// turned by TMA's 128-byte swizzle, and start at a multiple of 1024 bytes.

// A matrix{rows, columns}, row-major, columns a multiple of 8, read in boxes of box_rows × 64 columns.
TensorMap matrix_map(const void* data, int64_t rows, int64_t columns, int box_rows);

// An image batch{n, h, w, c}, c a multiple of 8, read as a convolution's rows: box_pixels pixels × 64 channels, the pixels
// following each other by `step` through the rows from first to last of {columns, rows}, then through the next image.
struct PixelRange {
  int first_row, first_column;  // of the image, negative in the padding
  int beyond_rows, beyond_columns;  // last = h − 1 + beyond_rows …
};
TensorMap pixels_map(const void* data, int n, int h, int w, int c, PixelRange range, int step, int box_pixels);

// An image batch{n, h, w, c}, c a multiple of 8, read or stored in boxes of box_rows × box_columns pixels × 64 channels of one
// image.
TensorMap image_map(const void* data, int n, int h, int w, int c, int box_rows, int box_columns);

// Where kernels on this machine write the report of a wait that does not end (wait_report.h).
uint64_t* wait_report();

// ---- barriers -----------------------------------------------------------------------------------------------------
// A phase ends when `arrivals` threads have arrived and all bytes that were announced are there. Phases alternate in
// parity, beginning with 0.
using Barrier = uint64_t;

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define EQV_PTX(...) asm volatile(__VA_ARGS__)
#elif defined(__CUDA_ARCH__)
#define EQV_PTX(...) __trap()
#endif

__device__ inline void barrier_init(Barrier* barrier, [[maybe_unused]] unsigned arrivals) {
#if defined(__CUDA_ARCH__)
  EQV_PTX("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
#elif !defined(__CUDACC__)
  simt::barrier_init(barrier, arrivals);
#endif
}

// Makes the barriers that this thread initialised visible to the copies; for other threads a block barrier is needed, too.
__device__ inline void fence_barrier_init() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("fence.mbarrier_init.release.cluster;" ::: "memory");
#elif !defined(__CUDACC__)
  simt::fence_barrier_init();
#endif
}

__device__ inline void barrier_arrive(Barrier* barrier) {
#if defined(__CUDA_ARCH__)
  EQV_PTX("mbarrier.arrive.release.cta.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
#elif !defined(__CUDACC__)
  simt::barrier_arrive(barrier, 0);
#endif
}

// Arrives and announces bytes that copies will bring in this phase.
__device__ inline void barrier_expect(Barrier* barrier, [[maybe_unused]] unsigned bytes) {
#if defined(__CUDA_ARCH__)
  EQV_PTX("mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes)
          : "memory");
#elif !defined(__CUDACC__)
  simt::barrier_arrive(barrier, bytes);
#endif
}

// Whether the phase of this parity has ended; may wait for that for a time that the GPU chooses.
__device__ inline bool barrier_try(Barrier* barrier, [[maybe_unused]] unsigned parity) {
#if defined(__CUDA_ARCH__)
  unsigned done = 0;
  EQV_PTX(
      "{ .reg .pred done; mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 done, [%1], %2; selp.u32 %0, 1, 0, done; }"
      : "=r"(done)
      : "r"(shared_address(barrier)), "r"(parity)
      : "memory");
  return done != 0;
#elif !defined(__CUDACC__)
  return simt::barrier_try(barrier, parity);
#else
  return true;
#endif
}

// The upper 32 bits of the nanosecond clock, because waits have few registers to spare; one tick is 4.3 s.
__device__ inline unsigned slow_clock() {
#if defined(__CUDA_ARCH__)
  unsigned now = 0;
  EQV_PTX("mov.u32 %0, %%globaltimer_hi;" : "=r"(now));
  return now;
#elif !defined(__CUDACC__)
  return static_cast<unsigned>(simt::nanoseconds() >> 32);
#else
  return 0;
#endif
}

// Reports the wait and ends the kernel. The process cannot use the GPU afterwards; its error names the wait.
__device__ inline void give_up([[maybe_unused]] uint64_t* report, Wait what, unsigned number, unsigned parity) {
  [[maybe_unused]] const uint64_t word = pack_wait(what, number, parity, threadIdx.x, blockIdx.x);
#if defined(__CUDA_ARCH__)
  if (report) {
    *static_cast<volatile uint64_t*>(report) = word;
    __threadfence_system();
  }
  __trap();
  __builtin_unreachable();  // or the compiler would keep the registers of what follows
#elif !defined(__CUDACC__)
  simt::die(describe_wait(word).c_str());
#endif
}

// Of the slow clock: 8.6 to 12.9 seconds. No kernel takes that long, not even under a sanitizer.
constexpr unsigned kLongestWait = 3;

// Waits for the end of the phase of this parity. A fault in a kernel must not occupy the GPU for ever: a wait that does not end
// is reported as `what` and `number`. `report`: where the address of wait_report() is kept, or null.
__device__ inline void barrier_wait(Barrier* barrier, unsigned parity, Wait what = Wait::barrier, unsigned number = 0,
                                    uint64_t* const* report = nullptr) {
  if (barrier_try(barrier, parity)) return;
  const unsigned begin = slow_clock();
  while (!barrier_try(barrier, parity))
    if (slow_clock() - begin >= kLongestWait) give_up(report ? *report : nullptr, what, number, parity);
}

// ---- clusters -----------------------------------------------------------------------------------------------------
// Blocks that run at the same time and reach each other's shared memory. None may end before the others have stopped using
// its memory, nor use theirs before it is initialised: both are what the cluster barrier is for.

// This block's number in its cluster.
__device__ inline unsigned cluster_rank() {
#if defined(__CUDA_ARCH__)
  unsigned rank = 0;
  EQV_PTX("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
#elif !defined(__CUDACC__)
  return simt::cluster_rank();
#else
  return 0;
#endif
}

// A barrier of all threads of the cluster, in two halves.
__device__ inline void cluster_arrive() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("barrier.cluster.arrive.release;" ::: "memory");
#elif !defined(__CUDACC__)
  simt::cluster_arrive();
#endif
}
__device__ inline void cluster_wait() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("barrier.cluster.wait.acquire;" ::: "memory");
#elif !defined(__CUDACC__)
  simt::cluster_wait();
#endif
}

__device__ inline void cluster_barrier() {
  cluster_arrive();
  cluster_wait();
}

// Arrives at the same barrier of block `rank` of the cluster. This only says that reads have ended; it makes no write of this
// thread visible, and so needs no fence between blocks.
__device__ inline void barrier_arrive_at(Barrier* barrier, [[maybe_unused]] unsigned rank) {
#if defined(__CUDA_ARCH__)
  EQV_PTX(
      "{ .reg .b32 there; mapa.shared::cluster.u32 there, %0, %1; mbarrier.arrive.shared::cluster.b64 _, [there]; }" ::"r"(
          shared_address(barrier)),
      "r"(rank)
      : "memory");
#elif !defined(__CUDACC__)
  simt::barrier_arrive_at(barrier, rank);
#endif
}

// ---- copies of tiles ----------------------------------------------------------------------------------------------
// Started by one thread; the bytes arrive at the barrier. What lies outside the tensor is zeros.

__device__ inline void copy_matrix_box(void* to, const TensorMap& map, Barrier* barrier, [[maybe_unused]] int row,
                                       [[maybe_unused]] int column) {
#if defined(__CUDA_ARCH__)
  EQV_PTX(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
          shared_address(to)),
      "l"(&map), "r"(column), "r"(row), "r"(shared_address(barrier))
      : "memory");
#elif !defined(__CUDACC__)
  simt::tma_matrix_box(to, map, barrier, simt::this_block(), row, column);
#endif
}

// To the same place of every block of the cluster whose bit is set; the bytes arrive at the same barrier of each.
__device__ inline void multicast_matrix_box(void* to, const TensorMap& map, Barrier* barrier, [[maybe_unused]] unsigned blocks,
                                            [[maybe_unused]] int row, [[maybe_unused]] int column) {
#if defined(__CUDA_ARCH__)
  EQV_PTX(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster [%0], "
      "[%1, {%2, %3}], [%4], %5;" ::"r"(shared_address(to)),
      "l"(&map), "r"(column), "r"(row), "r"(shared_address(barrier)), "h"(static_cast<uint16_t>(blocks))
      : "memory");
#elif !defined(__CUDACC__)
  simt::tma_matrix_box(to, map, barrier, blocks, row, column);
#endif
}

// The first pixel is (n, i, j) within the map's range; the offset of tap (r, s) is added to every pixel.
__device__ inline void copy_pixels(void* to, const TensorMap& map, Barrier* barrier, [[maybe_unused]] int n,
                                   [[maybe_unused]] int i, [[maybe_unused]] int j, [[maybe_unused]] int channel,
                                   [[maybe_unused]] int r, [[maybe_unused]] int s) {
#if defined(__CUDA_ARCH__)
  EQV_PTX(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, %5}], "
      "[%6], {%7, %8};" ::"r"(shared_address(to)),
      "l"(&map), "r"(channel), "r"(j), "r"(i), "r"(n), "r"(shared_address(barrier)), "h"(static_cast<uint16_t>(s)),
      "h"(static_cast<uint16_t>(r))
      : "memory");
#elif !defined(__CUDACC__)
  simt::tma_pixels(to, map, barrier, simt::this_block(), n, i, j, channel, r, s);
#endif
}

__device__ inline void multicast_pixels(void* to, const TensorMap& map, Barrier* barrier, [[maybe_unused]] unsigned blocks,
                                        [[maybe_unused]] int n, [[maybe_unused]] int i, [[maybe_unused]] int j,
                                        [[maybe_unused]] int channel, [[maybe_unused]] int r, [[maybe_unused]] int s) {
#if defined(__CUDA_ARCH__)
  EQV_PTX(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes.multicast::cluster [%0], "
      "[%1, {%2, %3, %4, %5}], [%6], {%7, %8}, %9;" ::"r"(shared_address(to)),
      "l"(&map), "r"(channel), "r"(j), "r"(i), "r"(n), "r"(shared_address(barrier)), "h"(static_cast<uint16_t>(s)),
      "h"(static_cast<uint16_t>(r)), "h"(static_cast<uint16_t>(blocks))
      : "memory");
#elif !defined(__CUDACC__)
  simt::tma_pixels(to, map, barrier, blocks, n, i, j, channel, r, s);
#endif
}

// The first pixel is (n, i, j); rows and columns may begin before the image and end after it.
__device__ inline void copy_image_box(void* to, const TensorMap& map, Barrier* barrier, [[maybe_unused]] int n,
                                      [[maybe_unused]] int i, [[maybe_unused]] int j, [[maybe_unused]] int channel) {
#if defined(__CUDA_ARCH__)
  EQV_PTX(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, %5}], [%6];" ::"r"(
          shared_address(to)),
      "l"(&map), "r"(channel), "r"(j), "r"(i), "r"(n), "r"(shared_address(barrier))
      : "memory");
#elif !defined(__CUDACC__)
  simt::tma_image_box(to, map, barrier, n, i, j, channel);
#endif
}

// ---- stores of tiles ----------------------------------------------------------------------------------------------
// Threads write a tile, each fences, they meet at a barrier; one of them starts the store, commits it, and before the tile
// is written again, or the block ends, waits until it has been read. What lies outside the tensor is not stored.

// Where byte `offset` of a tile lies in it.
__host__ __device__ inline unsigned swizzled_128(unsigned offset) { return offset ^ (offset >> 7 & 7) << 4; }

// Four 8×8 matrices of 16-bit values: thread t of a warp gives the place of row t % 8 of matrix t / 8 (16 bytes), and holds
// of each matrix the values (t / 4, 2(t % 4)) and the one right of it. kTransposed stores their transposes.
template <bool kTransposed>
__device__ void store_matrices(void* row, [[maybe_unused]] const uint32_t (&matrices)[4]) {
#if defined(__CUDA_ARCH__)
  if constexpr (kTransposed)
    EQV_PTX("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(shared_address(row)),
            "r"(matrices[0]), "r"(matrices[1]), "r"(matrices[2]), "r"(matrices[3])
            : "memory");
  else
    EQV_PTX("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(shared_address(row)), "r"(matrices[0]),
            "r"(matrices[1]), "r"(matrices[2]), "r"(matrices[3])
            : "memory");
#elif !defined(__CUDACC__)
  struct Lane {
    void* row;
    uint32_t matrices[4];
  } mine;
  if (simt::shared_offset(row) % 16) simt::die("stmatrix: a row must start at a multiple of 16 bytes");
  simt::written_by_thread(row);
  mine.row = row;
  std::memcpy(mine.matrices, matrices, sizeof matrices);
  simt::warp_operation(kAllLanes, "stmatrix", &mine, sizeof mine, nullptr, 0,
                       [](unsigned, const simt::Lanes& in, simt::Lanes&) {
    const auto lane = [&](int t) {
      Lane l;
      std::memcpy(&l, in[t], sizeof l);
      return l;
    };
    for (int t = 0; t < 32; ++t)
      for (int m = 0; m < 4; ++m)
        for (int i = 0; i < 2; ++i) {
          const int row = t / 4, column = t % 4 * 2 + i;
          const auto value = static_cast<uint16_t>(lane(t).matrices[m] >> 16 * i);
          auto* to = static_cast<unsigned char*>(lane(m * 8 + (kTransposed ? column : row)).row);
          std::memcpy(to + (kTransposed ? row : column) * 2, &value, 2);
        }
  });
#endif
}

// Makes what this thread has written to shared memory visible to stores of tiles.
__device__ inline void fence_async_proxy() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("fence.proxy.async.shared::cta;" ::: "memory");
#elif !defined(__CUDACC__)
  simt::fence_async_proxy();
#endif
}

// A barrier of this warpgroup's threads.
__device__ inline void warpgroup_barrier() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("bar.sync %0, 128;" ::"r"(1 + threadIdx.x / 128) : "memory");
#elif !defined(__CUDACC__)
  simt::warpgroup_barrier();
#endif
}

__device__ inline void store_matrix_box(const void* from, const TensorMap& map, [[maybe_unused]] int row,
                                        [[maybe_unused]] int column) {
#if defined(__CUDA_ARCH__)
  EQV_PTX("cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group [%0, {%1, %2}], [%3];" ::"l"(&map), "r"(column), "r"(row),
          "r"(shared_address(from))
          : "memory");
#elif !defined(__CUDACC__)
  simt::tma_store_box(from, map, row, column);
#endif
}

__device__ inline void store_image_box(const void* from, const TensorMap& map, [[maybe_unused]] int n, [[maybe_unused]] int i,
                                       [[maybe_unused]] int j, [[maybe_unused]] int channel) {
#if defined(__CUDA_ARCH__)
  EQV_PTX("cp.async.bulk.tensor.4d.global.shared::cta.tile.bulk_group [%0, {%1, %2, %3, %4}], [%5];" ::"l"(&map), "r"(channel),
          "r"(j), "r"(i), "r"(n), "r"(shared_address(from))
          : "memory");
#elif !defined(__CUDACC__)
  simt::tma_store_image_box(from, map, n, i, j, channel);
#endif
}

__device__ inline void commit_stores() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("cp.async.bulk.commit_group;" ::: "memory");
#elif !defined(__CUDACC__)
  simt::commit_stores();
#endif
}

// Waits until all but the newest kNewest groups of this thread's stores have read their shared memory.
template <int kNewest>
__device__ void wait_for_stores() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("cp.async.bulk.wait_group.read %0;" ::"n"(kNewest) : "memory");
#elif !defined(__CUDACC__)
  simt::wait_for_stores(kNewest);
#endif
}

// ---- products of a warpgroup --------------------------------------------------------------------------------------
// fence; products; commit: a group. Wait for it before its sums are touched or its tiles overwritten.

constexpr unsigned kTileRow = 128;  // bytes

__device__ inline uint64_t operand_at(const void* tile, unsigned bytes, uint64_t block_bytes) {
#if defined(__CUDACC__)
  const uint64_t address = shared_address(tile) + bytes;
#else
  const uint64_t address = simt::shared_offset(tile) + bytes;
#endif
  constexpr uint64_t kEightRows = 8 * kTileRow >> 4, kSwizzle128 = 1;
  return (address & 0x3ffff) >> 4 | block_bytes >> 4 << 16 | kEightRows << 32 | kSwizzle128 << 62;
}

// A tile whose rows are the operand's rows, from column k on, a multiple of 16 below 64.
__device__ inline uint64_t operand(const void* tile, int k) {
  return operand_at(tile, static_cast<unsigned>(k) * 2, 16);  // the distance of blocks is not used
}

// A transposed operand: tiles of kDepth rows, a row for each k, and 64 rows or columns of the operand wide; one tile follows
// the other. From row k on, a multiple of 16.
template <int kDepth>
__device__ uint64_t operand_transposed(const void* tiles, int k) {
  return operand_at(tiles, static_cast<unsigned>(k) * kTileRow, kDepth * kTileRow);
}

__device__ inline void warpgroup_fence() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("wgmma.fence.sync.aligned;" ::: "memory");
#elif !defined(__CUDACC__)
  simt::warpgroup_fence();
#endif
}

// d{64×N} = a{64×16}·b{16×N}, plus d if `add`; N is twice the number of registers. Both operands are transposed or none.
template <bool kTransposed = false, int kRegisters>
__device__ void warpgroup_multiply([[maybe_unused]] float (&d)[kRegisters], [[maybe_unused]] uint64_t a,
                                   [[maybe_unused]] uint64_t b, [[maybe_unused]] bool add) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  wgmma_instruction<kTransposed>(d, a, b, add);
#elif defined(__CUDA_ARCH__)
  __trap();
#elif !defined(__CUDACC__)
  simt::warpgroup_multiply(d, 2 * kRegisters, a, b, add, kTransposed);
#endif
}

__device__ inline void warpgroup_commit() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("wgmma.commit_group.sync.aligned;" ::: "memory");
#elif !defined(__CUDACC__)
  simt::warpgroup_commit();
#endif
}

// Waits until at most kNewest groups are unfinished.
template <int kNewest>
__device__ void warpgroup_wait() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("wgmma.wait_group.sync.aligned %0;" ::"n"(kNewest) : "memory");
#elif !defined(__CUDACC__)
  simt::warpgroup_wait(kNewest);
#endif
}

// Lowers or raises the number of registers of this warpgroup's threads (setmaxnreg).
template <int kRegisters>
__device__ void registers_down() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
#endif
}
template <int kRegisters>
__device__ void registers_up() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
#endif
}

#undef EQV_PTX

}  // namespace eqv::gpu
