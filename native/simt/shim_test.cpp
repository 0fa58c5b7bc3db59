// Kernels with a fault each: does the shim notice? `shim_test CASE` prints what the kernel computed, or dies as it should.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "hopper.h"
#include "simt.h"

namespace {

constexpr unsigned kThreads = 64;
constexpr unsigned kAll = 0xffffffffu;

float* shared_floats() { return static_cast<float*>(simt::shared()); }

// Every thread hands its number to its neighbour across shared memory.
template <bool kBarrier>
void rotate(float* out) {
  float* s = shared_floats();
  s[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (kBarrier) __syncthreads();
  out[threadIdx.x] = s[(threadIdx.x + 1) % kThreads];
}

// The sum of a warp's lanes by a tree of shuffles.
void sum(float* out) {
  float v = static_cast<float>(threadIdx.x);
  for (int offset = 16; offset > 0; offset /= 2) v += __shfl_xor_sync(kAll, v, offset);
  out[threadIdx.x] = v;
}

// How many threads of the block had ended when each began.
void ended_before(float* out) {
  static unsigned ended = 0;
  out[threadIdx.x] = static_cast<float>(ended);
  for (int i = 0; i < 3; ++i) __syncwarp(kAll);
  ++ended;
}

// Reads what no thread wrote.
void uninitialised(float* out) { out[threadIdx.x] = shared_floats()[threadIdx.x]; }

// Half of the block waits for the other at a barrier, which waits for its lanes at a warp operation.
void divergent(float* out) {
  if (threadIdx.x % 2) __syncthreads();
  else __syncwarp(kAll);
  out[threadIdx.x] = 1;
}

void disagreeing(float* out) {
  out[threadIdx.x] = threadIdx.x % 2 ? __shfl_sync(kAll, 1.0f, 0) : static_cast<float>(__ballot_sync(kAll, 1));
}

void absent_lane(float* out) {
  out[threadIdx.x] = threadIdx.x % 32 < 16 ? __shfl_sync(0xffffu, 1.0f, 20) : 0.0f;
}

// One float beyond what the launch asked for; only the sanitized build can see it.
void beside(float* out) {
  shared_floats()[threadIdx.x + 1] = 1;
  out[threadIdx.x] = 1;
}

void shift_too_far(float* out) {
  const int far = 40 + static_cast<int>(threadIdx.x);
  out[threadIdx.x] = static_cast<float>(1 << far);
}

// ---- clusters of two blocks, each with a barrier at the beginning of its shared memory --------------------------------

uint64_t* shared_barrier() { return static_cast<uint64_t*>(simt::shared()); }

void begin_barrier(unsigned arrivals) {
  if (threadIdx.x == 0) {
    simt::barrier_init(shared_barrier(), arrivals);
    simt::fence_barrier_init();
  }
}

void cluster_barrier() {
  simt::cluster_arrive();
  simt::cluster_wait();
}

// A thread of each block arrives at both barriers, for which all wait. kBarrier: not before they are initialised.
template <bool kBarrier>
void meet(float* out) {
  begin_barrier(2);
  if (kBarrier) cluster_barrier();
  else __syncthreads();
  if (threadIdx.x < 2) simt::barrier_arrive_at(shared_barrier(), threadIdx.x);
  simt::barrier_wait(shared_barrier(), 0);
  out[threadIdx.x] = 1;
  cluster_barrier();
}

// The second block does not wait until the first has stopped using its shared memory.
void leave_early(float* out) {
  begin_barrier(1);
  cluster_barrier();
  if (simt::cluster_rank() == 1) return;
  for (int i = 0; i < 3; ++i) __syncthreads();
  if (threadIdx.x == 0) simt::barrier_arrive_at(shared_barrier(), 1);
  out[threadIdx.x] = 1;
}

// One thread of the cluster does not arrive, and waits for another barrier.
void cluster_deadlock(float* out) {
  begin_barrier(1);
  cluster_barrier();
  if (threadIdx.x == 0 && simt::cluster_rank() == 1) simt::barrier_wait(shared_barrier(), 0);
  cluster_barrier();
  out[threadIdx.x] = 1;
}

void arrive_twice(float* out) {
  simt::cluster_arrive();
  simt::cluster_arrive();
  out[threadIdx.x] = 1;
}

struct Case {
  const char* name;
  void (*kernel)(float*);
  unsigned cluster = 1;
};

constexpr Case kCases[] = {
    {"rotate", rotate<true>},        {"missing-barrier", rotate<false>}, {"sum", sum},
    {"ended-before", ended_before},
    {"uninitialised", uninitialised}, {"divergent", divergent},           {"disagreeing", disagreeing},
    {"absent-lane", absent_lane},    {"beside", beside},                 {"shift-too-far", shift_too_far},
    {"meet", meet<true>, 2},         {"meet-too-soon", meet<false>, 2},  {"leave-early", leave_early, 2},
    {"cluster-deadlock", cluster_deadlock, 2},                           {"arrive-twice", arrive_twice, 2},
};

}  // namespace

int main(int count, char** arguments) {
  for (const Case& c : kCases) {
    if (count != 2 || std::strcmp(arguments[1], c.name) != 0) continue;
    std::vector<float> out(kThreads, -1);
    simt::launch(dim3(c.cluster), c.cluster, dim3(kThreads), kThreads * sizeof(float), 1, [&] { c.kernel(out.data()); });
    for (float v : out) std::printf("%g ", v);
    std::printf("\n");
    return 0;
  }
  std::fprintf(stderr, "no such case\n");
  return 2;
}
