// oneDNN divides its work by OpenMP. These are the functions of GCC's OpenMP runtime that it calls; the dynamic linker finds
// them here, since it looks into this library before those that it needs. So oneDNN's work is shared as ours is (workers.h):
// a thread of OpenMP's team is a piece, which any of our threads may run, and a call waits for no thread that does not run. GCC's
// own runtime makes all threads of a team meet at the end of each parallel region.
#include "openmp.h"

#include <cstdlib>

#include "workers.h"

namespace eqv::cpu {
namespace {

struct Team {
  void (*work)(void*);
  void* data;
  const int size;
};

// Of the calling thread: the piece that it runs, and how it divides work outside of one.
struct Place {
  Team* team = nullptr;
  int number = 0;
};
thread_local Place place;
thread_local int pieces = 1, threads = 1;

void run_piece(void* team, int64_t piece, int) {
  const Place outer = place;
  place = {static_cast<Team*>(team), static_cast<int>(piece)};
  place.team->work(place.team->data);
  place = outer;
}

}  // namespace

DnnlPieces::DnnlPieces(int count, int most_threads) { pieces = count, threads = most_threads; }
DnnlPieces::~DnnlPieces() { pieces = threads = 1; }

}  // namespace eqv::cpu

using namespace eqv::cpu;

#pragma GCC visibility push(default)
extern "C" {

// Inside of a piece there is no second division: a team of one.
int omp_in_parallel() { return place.team != nullptr; }
int omp_get_max_threads() { return pieces; }
int omp_get_num_threads() { return place.team ? place.team->size : 1; }
int omp_get_thread_num() { return place.number; }

void GOMP_parallel(void (*work)(void*), void* data, unsigned size, unsigned) {
  Team team{work, data, place.team ? 1 : size ? static_cast<int>(size) : pieces};
  share(team.size, threads, run_piece, &team);
}

// Only threads that wait for each other call it, and those are alone in their teams.
void GOMP_barrier() {
  if (place.team && place.team->size > 1) std::abort();
}

}  // extern "C"
#pragma GCC visibility pop
