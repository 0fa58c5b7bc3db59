// What twins of instructions need of the scheduler.
#pragma once

#include <functional>
#include <memory>

#include "simt.h"

namespace simt {

unsigned char* shared_bytes();
unsigned thread_index();  // within the block

// Lets other threads run until the condition holds.
void wait_until(const std::function<bool()>& condition);

// Waits until the threads first … first + count − 1 of the block are here; the last one calls `together` for all.
void rendezvous(unsigned first, unsigned count, const std::function<void()>& together);

// Something that lives as long as the block that runs now.
struct BlockState {
  virtual ~BlockState() = default;
  virtual void at_end() {}  // all threads have returned
};
std::unique_ptr<BlockState>& block_state();

template <class T>
T& state_of_block() {
  auto& state = block_state();
  if (!state) state = std::make_unique<T>();
  return static_cast<T&>(*state);
}

}  // namespace simt
