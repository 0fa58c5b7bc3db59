// oneDNN divides its work by OpenMP. These are the functions of GCC's OpenMP runtime that it calls; the dynamic linker finds
// them here, since it looks into this library before those that it needs. So oneDNN's work is shared as ours is (workers.h):
// a thread of OpenMP's team is a piece, which any of our threads may run, and a call waits for no thread that does not run. GCC's
// own runtime makes all threads of a team meet at the end of each parallel region.
#include "openmp.h"

#include <atomic>

#include "workers.h"

namespace eqv::cpu {
namespace {

struct Team {
  void (*work)(void*);
  void* data;
  const int size;
  std::atomic<int> waiting = 0, barriers = 0;
};

// Of the calling thread: the piece that it runs, and the teams that it asks for outside of one.
struct Place {
  Team* team = nullptr;
  int number = 0;
};
thread_local Place place;
thread_local int threads = 1;
thread_local bool together = false;

void run_piece(void* team, int64_t piece, int) {
  const Place outer = place;
  place = {static_cast<Team*>(team), static_cast<int>(piece)};
  place.team->work(place.team->data);
  place = outer;
}

}  // namespace

DnnlThreads::DnnlThreads(int n, bool meet) { threads = n, together = meet; }
DnnlThreads::~DnnlThreads() { threads = 1, together = false; }

}  // namespace eqv::cpu

using namespace eqv::cpu;

#pragma GCC visibility push(default)
extern "C" {

// Inside of a piece there is no second division: a team of one.
int omp_in_parallel() { return place.team != nullptr; }
int omp_get_max_threads() { return threads; }
int omp_get_num_threads() { return place.team ? place.team->size : 1; }
int omp_get_thread_num() { return place.number; }

void GOMP_parallel(void (*work)(void*), void* data, unsigned size, unsigned) {
  Team team{work, data, place.team ? 1 : size ? static_cast<int>(size) : threads};
  share(team.size, team.size, together ? Pieces::kTogether : Pieces::kAlone, run_piece, &team);
}

void GOMP_barrier() {
  Team* team = place.team;
  if (!team) return;
  const int before = team->barriers.load();
  if (team->waiting.fetch_add(1) + 1 == team->size) {
    team->waiting.store(0);
    team->barriers.store(before + 1);
    team->barriers.notify_all();
  } else {
    team->barriers.wait(before);
  }
}

}  // extern "C"
#pragma GCC visibility pop
