// Work sharing and scratch memory of the CPU backend. Results never depend on the number of threads: elementwise work
// may be cut anywhere, and reductions are cut into chunks by size alone, whose results are combined in index order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "check.h"
#include "workers.h"
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

// Cuts [0, n) into contiguous pieces of at least `grain` and calls f(begin, end) or f(begin, end, thread) for each, on whichever
// of the device's threads is free (workers.h). Small work runs on the calling thread.
template <class F>
void parallel_for(Stream& stream, int64_t n, int64_t grain, F&& f) {
  constexpr int64_t kPieces = 4;  // per thread: what one that is kept from running has begun is a small part of the whole
  const int threads = stream.device->threads;
  const int64_t most = n / std::max<int64_t>(grain, 1);
  struct Work {
    std::remove_reference_t<F>& f;
    int64_t n, pieces;
  } work{f, n, threads > 1 && most > 1 ? std::min(kPieces * threads, most) : 1};
  if (n <= 0) return;
  share(work.pieces, threads, [](void* data, int64_t piece, [[maybe_unused]] int thread) {
    const Work& w = *static_cast<Work*>(data);
    const int64_t begin = w.n * piece / w.pieces, end = w.n * (piece + 1) / w.pieces;
    if constexpr (std::is_invocable_v<F, int64_t, int64_t, int>) {
      w.f(begin, end, thread);
    } else {
      w.f(begin, end);
    }
  }, &work);
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
