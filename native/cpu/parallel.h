// Work sharing and scratch memory of the CPU backend. Results never depend on the number of threads: elementwise work
// may be cut anywhere, and reductions are cut into chunks by size alone, whose results are combined in index order.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "backend.h"
#include "check.h"

namespace eqv::cpu {

inline float* f32(const Tensor& t) { return static_cast<float*>(t.data); }

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Cuts [0, n) into at most one contiguous piece of at least `grain` per thread and calls f(begin, end) or
// f(begin, end, thread). Little work runs on the calling thread. A team always has all the device's threads, since
// OpenMP runtimes end and restart threads when the size of the team changes.
template <class F>
void parallel_for(Stream& stream, int64_t n, int64_t grain, F&& f) {
  const auto call = [&f](int64_t begin, int64_t end, [[maybe_unused]] int thread) {
    if constexpr (std::is_invocable_v<F, int64_t, int64_t, int>) {
      f(begin, end, thread);
    } else {
      f(begin, end);
    }
  };
  if (n <= 0) return;
  const int64_t pieces = std::min<int64_t>(stream.device->threads, n / std::max<int64_t>(grain, 1));
  if (pieces <= 1) {
    call(0, n, 0);
    return;
  }
#pragma omp parallel num_threads(stream.device->threads)
  {
    // The runtime may grant fewer threads than asked for; then some take several pieces.
    const int team = omp_get_num_threads(), thread = omp_get_thread_num();
    for (int64_t piece = thread; piece < pieces; piece += team)
      call(n * piece / pieces, n * (piece + 1) / pieces, thread);
  }
}

// The same for n elements of elementwise work, cut at multiples of 1024.
template <class F>
void parallel_elements(Stream& stream, int64_t n, F&& f) {
  constexpr int64_t block = 1024;
  parallel_for(stream, ceil_div(n, block), 32, [&](int64_t begin, int64_t end) {
    f(begin * block, std::min(n, end * block));
  });
}

// Hands out 64-byte aligned parts of the stream's scratch arena. Ask for the whole size first:
//   Workspace w(stream, Workspace::bytes<double>(n) + Workspace::bytes<float>(m));
class Workspace {
 public:
  Workspace(Stream& stream, int64_t bytes) : next_(static_cast<char*>(scratch(stream, bytes))) {}

  template <class T>
  static int64_t bytes(int64_t count) {
    return ceil_div(count * static_cast<int64_t>(sizeof(T)), 64) * 64;
  }

  template <class T>
  T* take(int64_t count) {
    T* part = reinterpret_cast<T*>(next_);
    next_ += bytes<T>(count);
    return part;
  }

 private:
  char* next_;
};

// A sum over n things in a fixed order: chunk(begin, end) gives the double-precision sum of one chunk of `size` of them
// (a function of the shape alone), and the chunks are added in index order. Takes the whole scratch arena.
template <class F>
double chunked_sum(Stream& stream, int64_t n, int64_t size, F&& chunk) {
  const int64_t chunks = ceil_div(n, size);
  Workspace workspace(stream, Workspace::bytes<double>(chunks));
  double* sums = workspace.take<double>(chunks);
  parallel_for(stream, chunks, 2, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sums[i] = chunk(i * size, std::min(n, (i + 1) * size));
  });
  double sum = 0;
  for (int64_t i = 0; i < chunks; ++i) sum += sums[i];
  return sum;
}

}  // namespace eqv::cpu
