// Whether other programs leave our threads the processors that they need.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>

namespace eqv::cpu {

// If another program interrupts a thread in the middle of a piece, the call waits milliseconds for it. If such waits take more
// than a fifth of the time, one thread alone is faster, so calls use one for a while; then all threads are tried again.
class Neighbours {
 public:
  using Clock = std::chrono::steady_clock;

  bool crowded() const { return Clock::now().time_since_epoch().count() < alone_until_.load(std::memory_order_relaxed); }

  // How long a call's own thread computed pieces, and how long it then waited for the other threads.
  void saw(Clock::duration worked, Clock::duration waited) {
    std::lock_guard lock(mutex_);
    worked_ += worked;
    if (waited > kStall) waited_ += waited;
    if (worked_ + waited_ < kWindow) return;
    if (waited_ > worked_ / 4) {
      alone_until_.store((Clock::now() + alone_).time_since_epoch().count(), std::memory_order_relaxed);
      alone_ = std::min<Clock::duration>(2 * alone_, kLongest);
    } else {
      alone_ = kShortest;
    }
    worked_ = waited_ = {};
  }

 private:
  // A shorter wait is for a thread that runs: pieces are not all the same length.
  static constexpr Clock::duration kStall = std::chrono::microseconds(500);
  static constexpr Clock::duration kWindow = std::chrono::milliseconds(20);
  static constexpr Clock::duration kShortest = std::chrono::milliseconds(50), kLongest = std::chrono::seconds(1);

  std::mutex mutex_;
  Clock::duration worked_{}, waited_{}, alone_ = kShortest;  // of the calls since the last decision; how long the next one holds
  std::atomic<Clock::rep> alone_until_ = 0;
};

}  // namespace eqv::cpu
