// Work sharing and scratch memory of the CPU backend. Results never depend on the number of threads: elementwise work
// may be cut anywhere, and reductions are cut into chunks by size alone, whose results are combined in index order.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "check.h"
#include "workspace.h"

namespace eqv::cpu {

inline float* f32(const Tensor& t) { return static_cast<float*>(t.data); }

using Workspace = AlignedWorkspace<64>;

// The cost of a value, relative to reading and adding it.
enum class Cost : int64_t {
  kSum = 1,
  kCopy = 2,
  kArithmetic = 4,   // read, a few operations, written
  kTable = 8,        // a sum over a few weights
  kFunction = 16,    // an exponential, or a window
  kDozens = 64,      // dozens of operations
};

// The grain (parallel_for) of items of `values` values each: a smaller piece of work is not worth another thread. It
// changes the time only, never the result.
inline int64_t grain(int64_t values, Cost cost = Cost::kArithmetic) {
  constexpr int64_t kWorth = 65536;
  return std::max<int64_t>(1, kWorth / static_cast<int64_t>(cost) / values);
}

// Cuts [0, n) into at most one contiguous piece of at least `grain` per thread and calls f(begin, end) or
// f(begin, end, thread). Small work runs on the calling thread. A team always has all the device's threads, since
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
