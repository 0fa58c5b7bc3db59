// Shares work in the ways that the backend does, and says what went wrong; the status is 0 if nothing did. Run by WorkersTest.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "neighbours.h"
#include "workers.h"

namespace {

constexpr int kThreads = 4;
std::atomic<int> faults = 0;

void expect(bool holds, const char* what) {
  if (!holds && faults.fetch_add(1) < 10) std::printf("%s\n", what);
}

struct Work {
  explicit Work(int64_t pieces) : runs(static_cast<size_t>(pieces)) {}
  std::vector<std::atomic<int>> runs;
  std::atomic<int> busy[kThreads] = {};
};

void share(Work& work, eqv::cpu::Piece run) {
  eqv::cpu::share(static_cast<int64_t>(work.runs.size()), kThreads, run, &work);
  for (const auto& runs : work.runs) expect(runs == 1, "a piece was not run once before the call returned");
}

void count(void* data, int64_t piece, int thread) {
  Work& work = *static_cast<Work*>(data);
  expect(thread >= 0 && thread < kThreads, "a thread has no number of the call's");
  expect(work.busy[thread].fetch_add(1) == 0, "two pieces ran at once as the same thread");
  work.runs[static_cast<size_t>(piece)].fetch_add(1);
  if (piece % 7 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));  // others take what is left
  work.busy[thread].fetch_sub(1);
}

// Work within work, as oneDNN shares that of a primitive that runs in a piece.
void nest(void* data, int64_t piece, int thread) {
  Work inner(5);
  share(inner, count);
  count(data, piece, thread);
}

void fail(void* data, int64_t piece, int thread) {
  count(data, piece, thread);
  if (piece % 3 == 1) throw piece;
}

void failures() {
  for (const int64_t pieces : {2, 30}) {
    Work work(pieces);
    bool thrown = false;
    try {
      share(work, fail);
    } catch (const int64_t piece) {
      thrown = piece % 3 == 1;
    }
    expect(thrown, "what a piece threw was lost");
  }
}

void neighbours() {
  using std::chrono::milliseconds;
  eqv::cpu::Neighbours quiet, busy;
  for (int i = 0; i < 100; ++i) {
    quiet.saw(milliseconds(10), std::chrono::microseconds(400));
    busy.saw(milliseconds(6), milliseconds(3));
  }
  expect(!quiet.crowded(), "short waits were taken for a neighbour's");
  expect(busy.crowded(), "waits of a third of the time were not seen");
  std::this_thread::sleep_for(milliseconds(1100));
  expect(!busy.crowded(), "the other threads are never tried again");
}

}  // namespace

int main() {
  eqv::cpu::start_workers(kThreads);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller)
    callers.emplace_back([] {
      for (int round = 0; round < 300; ++round) {
        for (const int64_t pieces : {0, 1, 2, 3, 16, 61}) {
          Work work(pieces);
          share(work, round % 10 ? count : nest);
        }
      }
    });
  for (auto& caller : callers) caller.join();
  failures();
  neighbours();
  return faults ? 1 : 0;
}
