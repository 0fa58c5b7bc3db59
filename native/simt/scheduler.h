// The part of the scheduler that the twins of instructions use.
#pragma once

#include <functional>
#include <memory>

#include "simt.h"

namespace simt {

unsigned char* shared_bytes();
unsigned thread_index();  // within the block
unsigned block_threads();

// The cluster of the current block: its other blocks by their rank.
unsigned cluster_rank();
unsigned cluster_blocks();
unsigned char* shared_bytes(unsigned rank);
bool has_ended(unsigned rank);  // all its threads have returned
unsigned cluster_phases();      // of the cluster barrier, that the current thread has waited for
void cluster_barrier_arrive();
void cluster_barrier_wait();

// Whether the condition holds; if not, other threads run before this returns.
bool try_once(const std::function<bool()>& condition);

// Waits until the threads first … first + count − 1 of the block are here, at the same operation; the last one calls
// `together` for all.
void rendezvous(const char* name, unsigned first, unsigned count, const std::function<void()>& together);

// Something that lives as long as the cluster that runs now, for each of its blocks.
struct BlockState {
  virtual ~BlockState() = default;
  virtual void at_end() {}  // all threads of the block have returned
};
std::unique_ptr<BlockState>& block_state(unsigned rank);

template <class T>
T& state_of_block(unsigned rank) {
  auto& state = block_state(rank);
  if (!state) state = std::make_unique<T>();
  return static_cast<T&>(*state);
}

// How many grids of clusters have been launched in this process; a device's description ends with it, for tests that want to
// know whether a kernel for sm_90a ran.
uint64_t cluster_launches();

// With SIMT_LAUNCHES=FILE in the environment: adds what the calling thread's last launch asked for to the file, once, as
// kernel, blocks per cluster, threads per block, bytes of dynamic shared memory.
void record_launch(const char* kernel);

}  // namespace simt
