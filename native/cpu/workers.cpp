#include "workers.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include "neighbours.h"
#include "status.h"

namespace eqv::cpu {
namespace {

// How long a thread waits awake. Calls follow one another within microseconds, and it takes tens of them to wake a thread; but
// one that waits takes the processor from others.
constexpr auto kAwake = std::chrono::microseconds(200);
constexpr int kPauses = 32;  // between two looks at the clock
constexpr int kQueues = 32;  // of a job, at most

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Waits awake until done() or the time is over. Returns done().
template <class Done>
bool wait_awake(Done&& done) {
  const auto end = std::chrono::steady_clock::now() + kAwake;
  do {
    for (int i = 0; i < kPauses; ++i) {
      if (done()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

// The pieces of a call that are not taken yet. Each thread has a queue of neighbouring pieces, so that from call to call it works
// on the part of the tensors that is in its cache, and takes from the others' when its own is empty.
struct Job {
  struct alignas(64) Queue {
    std::atomic<int64_t> next;
    int64_t end;
  };

  Job(int64_t pieces, int most_threads, Piece piece, void* data)
      : run(piece), work(data), threads(static_cast<int>(std::min<int64_t>(most_threads, pieces))), queues(std::min(threads, kQueues)) {
    for (int i = 0; i < queues; ++i) {
      queue[i].next.store(pieces * i / queues, std::memory_order_relaxed);
      queue[i].end = pieces * (i + 1) / queues;
    }
  }

  bool empty() const {
    for (int i = 0; i < queues; ++i)
      if (queue[i].next.load(std::memory_order_relaxed) < queue[i].end) return false;
    return true;
  }

  void take(int thread) {
    for (int i = 0; i < queues; ++i) {
      Queue& q = queue[(thread + i) % queues];
      for (int64_t piece; (piece = q.next.fetch_add(1, std::memory_order_relaxed)) < q.end;) try_one(piece, thread);
    }
  }

  void try_one(int64_t piece, int thread) {
    try {
      run(work, piece, thread);
    } catch (...) {
      if (!failed.exchange(true)) failure = std::current_exception();
    }
  }

  const Piece run;
  void* const work;
  const int threads, queues;
  Queue queue[kQueues];
  std::atomic<bool> failed = false;
  std::exception_ptr failure;  // the first one's
  // Below: changed under the lock of Workers.
  int joined = 1;                // threads that have come, the caller first
  std::atomic<int> helpers = 0;  // those that have not left
  bool sleeping = false;         // the caller waits for the helpers, asleep
  Job* next = nullptr;
};

class Workers {
 public:
  static Workers& instance() {
    static auto* workers = new Workers();  // never destroyed: its threads live as long as the process
    return *workers;
  }

  void start(int count) {
    std::lock_guard lock(mutex_);
    for (; started_ < count; ++started_) std::thread(&Workers::serve, this).detach();
  }

  bool crowded() const { return neighbours_.crowded(); }

  void share(Job& job) {
    auto lock = locked();
    (last_ ? last_->next : first_) = &job;
    last_ = &job;
    ++jobs_;
    const int asleep = asleep_;
    lock.unlock();
    announced_.fetch_add(1, std::memory_order_relaxed);
    if (asleep > 0 && asleep < job.threads) {
      work_.notify_all();  // one call of the system, however many there are
    } else if (asleep > 0) {
      for (int i = 1; i < job.threads; ++i) work_.notify_one();
    }

    const auto begin = Neighbours::Clock::now();
    job.take(0);
    lock = locked();
    remove(job);
    lock.unlock();
    const auto done = Neighbours::Clock::now();
    wait(job);
    neighbours_.saw(done - begin, Neighbours::Clock::now() - done);
  }

 private:
  void wait(Job& job) {
    const auto left = [&] { return job.helpers.load(std::memory_order_acquire) == 0; };
    if (wait_awake(left)) return;
    auto lock = locked();
    job.sleeping = true;
    done_.wait(lock, left);
  }

  // The lock is never held for long: it is worth waiting awake for, unless its holder does not run.
  std::unique_lock<std::mutex> locked() {
    for (int i = 0; i < kPauses; ++i) {
      std::unique_lock lock(mutex_, std::try_to_lock);
      if (lock) return lock;
      pause();
    }
    return std::unique_lock(mutex_);
  }

  void serve() {
    while (true) {
      auto lock = locked();
      int thread = 0;
      if (Job* job = join(thread)) {
        lock.unlock();
        job->take(thread);
        lock = locked();
        const bool wake = job->sleeping;
        if (job->helpers.fetch_sub(1, std::memory_order_release) == 1 && wake) done_.notify_all();  // `job` may be gone
        continue;
      }
      const int64_t seen = jobs_;
      lock.unlock();
      if (wait_awake([&] { return announced_.load(std::memory_order_relaxed) > seen; })) continue;
      lock.lock();
      ++asleep_;
      work_.wait(lock, [&] { return jobs_ > seen; });
      --asleep_;
    }
  }

  // A job with pieces left: the oldest one.
  Job* join(int& thread) {
    for (Job* job = first_; job; job = job->next) {
      if (job->joined == job->threads || job->empty()) continue;
      thread = job->joined++;
      job->helpers.fetch_add(1, std::memory_order_relaxed);
      return job;
    }
    return nullptr;
  }

  void remove(Job& job) {
    Job* before = nullptr;
    for (Job* j = first_; j != &job; j = j->next) before = j;
    (before ? before->next : first_) = job.next;
    if (last_ == &job) last_ = before;
  }

  Neighbours neighbours_;
  std::mutex mutex_;
  std::condition_variable work_, done_;
  int64_t jobs_ = 0;                    // so far
  std::atomic<int64_t> announced_ = 0;  // the same for those that do not hold the lock, who look once it is free
  int started_ = 0, asleep_ = 0;
  Job *first_ = nullptr, *last_ = nullptr;
};

}  // namespace

void start_workers(int threads) {
  try {
    Workers::instance().start(threads - 1);
  } catch (const std::system_error&) {
    throw error(EQV_OUT_OF_MEMORY, "device_open: the system does not start %d threads", threads);
  }
}

void share(int64_t pieces, int threads, Piece run, void* work) {
  Workers& workers = Workers::instance();
  if (pieces <= 1 || threads <= 1 || workers.crowded()) {
    for (int64_t i = 0; i < pieces; ++i) run(work, i, 0);
    return;
  }
  Job job(pieces, threads, run, work);
  workers.share(job);
  if (job.failure) std::rethrow_exception(job.failure);
}

}  // namespace eqv::cpu
