// The scheduler of the shim: fibers, barriers, warp operations.
#include "scheduler.h"

#include "hopper.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#if !defined(__x86_64__)
#error "the shim switches stacks by hand, which is written for x86-64"
#endif

// Saves the callee-saved registers on the current stack, stores its pointer in *save, and goes on at `load`.
extern "C" void eqv_simt_switch(void** save, void* load);
asm(R"(
  .text
  .hidden eqv_simt_switch
  .globl eqv_simt_switch
  .type eqv_simt_switch, @function
eqv_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size eqv_simt_switch, .-eqv_simt_switch
)");

namespace simt {

__thread const Place* current_place __attribute__((tls_model("initial-exec"))) = nullptr;

namespace {

constexpr size_t kStack = size_t{64} << 10;
constexpr size_t kStagger = 320;  // stacks a power of two apart would share cache sets
constexpr int kSavedRegisters = 6;
constexpr size_t kFirstFrames = 2048;  // more than the frames of those functions that never return to their caller
constexpr size_t kSharedAlignment = 1024;
constexpr unsigned kWarp = 32;

// Names of operations; usually both are the same literal.
bool same(const char* a, const char* b) { return a == b || std::strcmp(a, b) == 0; }

enum class State { ready, polling, at_barrier, at_cluster_barrier, at_warp_operation, at_rendezvous, returned };
constexpr int kStates = 7;

struct Copy {
  void* to;
  const void* from;
  unsigned bytes;

  void run() const {
    if (from) std::memcpy(to, from, bytes);
    else std::memset(to, 0, bytes);
  }
};

struct Block;

// The asynchronous copies of a thread, in groups: those that are committed, by their size, and the open one.
struct Copies {
  std::vector<Copy> all;
  std::vector<size_t> committed;
  size_t open = 0;

  void commit() { committed.push_back(std::exchange(open, 0)); }

  // Does the oldest groups, so that no more than `newest` of the committed ones remain.
  void run(unsigned newest) {
    if (committed.size() <= newest) return;
    const auto groups = static_cast<std::ptrdiff_t>(committed.size() - newest);
    const auto done = static_cast<std::ptrdiff_t>(std::accumulate(committed.begin(), committed.begin() + groups, size_t{0}));
    for (auto copy = all.begin(); copy != all.begin() + done; ++copy) copy->run();
    all.erase(all.begin(), all.begin() + done);
    committed.erase(committed.begin(), committed.begin() + groups);
  }

  void clear() {
    all.clear();
    committed.clear();
    open = 0;
  }
};

struct Fiber {
  unsigned char* stack = nullptr;  // its lowest address; null before the thread has begun
  void* stack_pointer = nullptr;
  Place place;
  Block* block = nullptr;
  unsigned index = 0;  // within the block
  State state = State::ready;
  bool late = false;             // of the warp that runs only when no other can
  unsigned cluster_phases = 0;   // of the cluster barrier that this thread has waited for
  bool at_cluster = false;       // has arrived at the cluster barrier and not waited yet
  Copies copies;
};

// The operation that some lanes of a warp have reached and others have not.
struct Rendezvous {
  unsigned mask = 0, arrived = 0;
  const char* name = nullptr;
  alignas(64) Lanes in, out;
};

// Threads of a block that wait for each other: an operation of a warpgroup, a named barrier.
struct Meeting {
  unsigned arrived = 0;
  const char* name = nullptr;
};

// A block of the cluster that runs.
struct Block {
  unsigned rank = 0;
  unsigned char* shared = nullptr;
  Fiber* fibers = nullptr;
  std::vector<Rendezvous> warps;
  std::vector<Meeting> meetings;  // by their first thread
  unsigned alive = 0, at_barrier = 0;
  std::unique_ptr<BlockState> state;
};

// Runs clusters, one at a time, on one thread of the processor: all blocks of a cluster are there at once.
class Scheduler {
 public:
  ~Scheduler() {
    release_stacks();
  }

  void release_stacks();
  void prepare(dim3 grid, unsigned cluster, dim3 block, size_t shared_bytes, const std::function<void()>& body);
  void run(unsigned cluster);

  void barrier();
  void cluster_arrive();
  void cluster_wait();
  void operation(unsigned mask, const char* name, const void* in, size_t in_size, void* out, size_t out_size,
                 void (*combine)(unsigned, const Lanes&, Lanes&));
  void copy_async(const Copy& copy);
  void commit_copies() { current->copies.commit(); }
  void wait_for_copies(unsigned newest);
  bool try_once(const std::function<bool()>& condition);
  uint64_t nanoseconds() const { return clock_; }
  void rendezvous(const char* name, unsigned first, unsigned count, const std::function<void()>& together);
  [[noreturn]] void die(const char* message) const;
  Block& block(unsigned rank);
  unsigned blocks() const { return static_cast<unsigned>(blocks_.size()); }
  unsigned threads() const { return static_cast<unsigned>(fibers_.size() / blocks_.size()); }  // of a block

  Fiber* current = nullptr;

 private:
  static void enter();
  void end_thread();
  Fiber* next();
  void begin(Fiber& fiber);
  void go_on(void** save);
  void set_current(Fiber* fiber);
  void wait(State state);
  void release_barrier(Block& block);
  void release_cluster();

  dim3 grid_;
  size_t shared_bytes_ = 0;
  const std::function<void()>* body_ = nullptr;
  std::vector<Fiber> fibers_;
  std::vector<Block> blocks_;
  std::vector<unsigned> order_;
  size_t position_ = 0;    // of the fiber in the order that may run next
  bool late_turn_ = false;  // of the late warp, no other
  std::vector<unsigned char*> free_stacks_;
  std::vector<unsigned char> shared_memory_;
  std::mt19937_64 random_;
  unsigned char* stacks_ = nullptr;
  size_t stack_bytes_ = 0;
  void* main_ = nullptr;
  bool moved_ = false;
  unsigned alive_ = 0, at_cluster_ = 0, cluster_phase_ = 0;
  uint64_t clock_ = 0;  // nanoseconds
};

__thread Scheduler* scheduler __attribute__((tls_model("initial-exec"))) = nullptr;

void Scheduler::release_stacks() {
  if (!stacks_) return;
  ASAN_UNPOISON_MEMORY_REGION(stacks_, stack_bytes_);  // whoever is given these pages next must not inherit the frames
  munmap(stacks_, stack_bytes_);
}

void Scheduler::prepare(dim3 grid, unsigned cluster, dim3 block, size_t shared_bytes, const std::function<void()>& body) {
  grid_ = grid;
  body_ = &body;
  const unsigned threads = block.x * block.y * block.z, all = threads * cluster;
  const size_t wanted = all * (kStack + kStagger);
  if (wanted > stack_bytes_) {
    release_stacks();
    void* memory = mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) die("no memory for the threads' stacks");
    stacks_ = static_cast<unsigned char*>(memory);
    stack_bytes_ = wanted;
  }
  free_stacks_.clear();
  for (unsigned i = all; i-- > 0;) free_stacks_.push_back(stacks_ + i * (kStack + kStagger));
  fibers_.resize(all);
  blocks_.resize(cluster);
  order_.resize(all);
  for (unsigned i = 0; i < all; ++i) {
    const unsigned t = i % threads;
    order_[i] = i;
    fibers_[i].index = t;
    fibers_[i].block = &blocks_[i / threads];
    fibers_[i].place = {{t % block.x, t / block.x % block.y, t / (block.x * block.y)}, {}, block, grid};
  }
  // Each block's memory at a multiple of the alignment, with something between them that nobody may touch.
  shared_bytes_ = shared_bytes;
  const size_t apart = (shared_bytes / kSharedAlignment + 2) * kSharedAlignment;
  ASAN_UNPOISON_MEMORY_REGION(shared_memory_.data(), shared_memory_.size());
  shared_memory_.resize(cluster * apart + kSharedAlignment);
  const auto address = reinterpret_cast<uintptr_t>(shared_memory_.data());
  auto* first = reinterpret_cast<unsigned char*>((address + kSharedAlignment - 1) / kSharedAlignment * kSharedAlignment);
  ASAN_POISON_MEMORY_REGION(shared_memory_.data(), shared_memory_.size());
  for (unsigned i = 0; i < cluster; ++i) {
    Block& b = blocks_[i];
    b.rank = i;
    b.shared = first + i * apart;
    b.fibers = &fibers_[i * threads];
    b.warps.resize((threads + kWarp - 1) / kWarp);
    b.meetings.resize(threads);
    ASAN_UNPOISON_MEMORY_REGION(b.shared, shared_bytes);
  }
  random_.seed(seed());
}

// Gives a stack to a thread that has not begun.
void Scheduler::begin(Fiber& f) {
  f.stack = free_stacks_.back();
  free_stacks_.pop_back();
  auto** top = reinterpret_cast<void**>(f.stack + kStack + kStagger - 64);
  // The thread that used this stack before never returned from `enter`, so AddressSanitizer still guards that frame.
  ASAN_UNPOISON_MEMORY_REGION(reinterpret_cast<unsigned char*>(top) - kFirstFrames, kFirstFrames + 64);
  *--top = nullptr;  // the alignment a called function expects
  *--top = reinterpret_cast<void*>(&Scheduler::enter);
  for (int r = 0; r < kSavedRegisters; ++r) *--top = nullptr;
  f.stack_pointer = top;
}

// The first function of every stack. When its thread ends, it runs the next thread on the same stack if that one has not begun; so
// threads that never wait for each other share one stack. It never returns: it has no caller.
void Scheduler::enter() {
  Scheduler& s = *scheduler;
  for (;;) {
    (*s.body_)();
    s.end_thread();
    unsigned char* const stack = std::exchange(s.current->stack, nullptr);
    Fiber* const after = s.next();
    s.set_current(after);
    if (after && !after->stack) {
      after->stack = stack;
      continue;
    }
    s.free_stacks_.push_back(stack);
    void* never = nullptr;
    eqv_simt_switch(&never, after ? after->stack_pointer : s.main_);
  }
}

void Scheduler::end_thread() {
  Fiber& f = *current;
  Block& b = *f.block;
  if (!f.copies.all.empty()) die("a thread ends with asynchronous copies it never waited for");
  if (f.at_cluster) --at_cluster_;
  --alive_;
  --b.alive;
  f.state = State::returned;
  if (b.alive && b.at_barrier == b.alive) release_barrier(b);
  if (alive_ && at_cluster_ == alive_) release_cluster();
  if (!b.alive && b.state) b.state->at_end();
}

// The next fiber in the order that can run in this pass.
Fiber* Scheduler::next() {
  while (position_ < order_.size()) {
    Fiber& f = fibers_[order_[position_++]];
    if (f.late != late_turn_ || (f.state != State::ready && f.state != State::polling)) continue;
    moved_ = moved_ || f.state == State::ready;
    return &f;
  }
  return nullptr;
}

// Leaves the stack that runs now, and goes on with the next fiber of the pass or, after the last one, with `run`.
void Scheduler::go_on(void** save) {
  Fiber* const after = next();
  if (!after && save == &main_) return;
  if (after && !after->stack) begin(*after);
  set_current(after);
  eqv_simt_switch(save, after ? after->stack_pointer : main_);
}

void Scheduler::run(unsigned cluster) {
  const unsigned size = blocks();
  alive_ = static_cast<unsigned>(fibers_.size());
  at_cluster_ = cluster_phase_ = 0;
  for (Block& b : blocks_) {
    b.alive = threads();
    b.at_barrier = 0;
    if (shared_bytes_) std::memset(b.shared, 0xff, shared_bytes_);  // a NaN in every floating type
  }
  for (Fiber& f : fibers_) {
    const unsigned block = cluster * size + f.block->rank;
    f.place.block = {block % grid_.x, block / grid_.x % grid_.y, block / (grid_.x * grid_.y)};
    f.state = State::ready;
    f.late = false;
    f.cluster_phases = 0;
    f.at_cluster = false;
    f.copies.clear();
  }
  if (seed()) {  // A warp that runs only when no other warp can: this shows that another warp did not wait for it.
    std::shuffle(order_.begin(), order_.end(), random_);
    const Fiber& late = fibers_[random_() % fibers_.size()];
    for (Fiber& f : fibers_) f.late = f.block == late.block && f.index / kWarp == late.index / kWarp;
  }
  const auto pass = [&](bool of_late) {
    position_ = 0;
    late_turn_ = of_late;
    go_on(&main_);
  };
  // Where nothing moves, waits that have a bound are given the time to come to it.
  constexpr uint64_t kPass = 1000, kHour = 3'600'000'000'000;
  bool expired = false;
  while (alive_) {
    moved_ = false;
    pass(false);
    if (!moved_) pass(true);
    if (!moved_ && expired) die("deadlock: no thread of the block can go on");
    expired = !moved_;
    clock_ += moved_ ? kPass : kHour;
  }
  for (Block& b : blocks_) b.state.reset();
}

void Scheduler::set_current(Fiber* fiber) {
  current = fiber;
  current_place = fiber ? &fiber->place : nullptr;
}

Block& Scheduler::block(unsigned rank) {
  if (rank >= blocks_.size()) die("a block of the cluster that does not exist");
  return blocks_[rank];
}

void Scheduler::wait(State state) {
  current->state = state;
  go_on(&current->stack_pointer);
}

bool Scheduler::try_once(const std::function<bool()>& condition) {
  if (condition()) {
    moved_ = true;
    return true;
  }
  wait(State::polling);
  return false;
}

void Scheduler::rendezvous(const char* name, unsigned first, unsigned count, const std::function<void()>& together) {
  Block& b = *current->block;
  if (first + count > threads()) die("an operation of a warpgroup in a block that has no such warpgroup");
  Meeting& m = b.meetings[first];
  if (m.arrived && !same(m.name, name)) die("the threads of a warpgroup are at different operations");
  m.name = name;
  if (++m.arrived < count) return wait(State::at_rendezvous);
  m.arrived = 0;
  together();
  for (unsigned i = first; i < first + count; ++i)
    if (b.fibers[i].state == State::at_rendezvous) b.fibers[i].state = State::ready;
}

void Scheduler::release_barrier(Block& b) {
  for (unsigned i = 0; i < threads(); ++i)
    if (b.fibers[i].state == State::at_barrier) b.fibers[i].state = State::ready;
  b.at_barrier = 0;
}

void Scheduler::barrier() {
  Block& b = *current->block;
  if (++b.at_barrier == b.alive) {
    release_barrier(b);
    return;
  }
  wait(State::at_barrier);
}

// A phase of the cluster barrier ends: all threads that have not returned have arrived.
void Scheduler::release_cluster() {
  for (Fiber& f : fibers_)
    if (f.state == State::at_cluster_barrier) f.state = State::ready;
  at_cluster_ = 0;
  ++cluster_phase_;
}

void Scheduler::cluster_arrive() {
  if (current->at_cluster) die("barrier.cluster: a thread arrives again before it has waited");
  current->at_cluster = true;
  if (++at_cluster_ == alive_) release_cluster();
}

void Scheduler::cluster_wait() {
  if (!current->at_cluster) die("barrier.cluster: a thread waits that has not arrived");
  if (current->cluster_phases == cluster_phase_) wait(State::at_cluster_barrier);
  current->at_cluster = false;
  ++current->cluster_phases;
}

void Scheduler::operation(unsigned mask, const char* name, const void* in, size_t in_size, void* out, size_t out_size,
                          void (*combine)(unsigned, const Lanes&, Lanes&)) {
  const unsigned lane = current->index % kWarp, first = current->index - lane;
  Fiber* const fibers = current->block->fibers;
  Rendezvous& r = current->block->warps[current->index / kWarp];
  if (!(mask >> lane & 1)) die("a lane calls a warp operation whose mask leaves it out");
  if (!r.arrived) {
    r.mask = mask;
    r.name = name;
  } else if (r.mask != mask || !same(r.name, name)) {
    die("the lanes of a warp are at different warp operations, or give different masks");
  }
  if (in_size) std::memcpy(r.in[lane], in, in_size);
  r.arrived |= 1u << lane;
  if (r.arrived == mask) {
    r.arrived = 0;
    combine(mask, r.in, r.out);
    for (unsigned i = 0; i < kWarp && first + i < threads(); ++i)
      if ((mask >> i & 1) && fibers[first + i].state == State::at_warp_operation)
        fibers[first + i].state = State::ready;
  } else {
    wait(State::at_warp_operation);
  }
  // The next operation cannot complete, and so overwrite this, before this lane arrives at it.
  if (out_size) std::memcpy(out, r.out[lane], out_size);
}

void Scheduler::copy_async(const Copy& copy) {
  if (reinterpret_cast<uintptr_t>(copy.to) % copy.bytes || reinterpret_cast<uintptr_t>(copy.from) % copy.bytes)
    die("cp.async: an address is not a multiple of the size");
  const auto* to = static_cast<unsigned char*>(copy.to);
  const auto* shared = current->block->shared;
  if (to < shared || to + copy.bytes > shared + shared_bytes_) die("cp.async: the destination is not in shared memory");
  static const bool early = std::getenv("SIMT_EARLY") != nullptr;
  if (early) {
    copy.run();
  } else {
    current->copies.all.push_back(copy);
    ++current->copies.open;
  }
}

void Scheduler::wait_for_copies(unsigned newest) { current->copies.run(newest); }

void Scheduler::die(const char* message) const {
  unsigned count[kStates] = {};
  for (const Fiber& f : fibers_) ++count[static_cast<int>(f.state)];
  std::fprintf(stderr, "simt: %s\n", message);
  if (current)
    std::fprintf(stderr, "  thread %u of block (%u, %u, %u)\n", current->index, current->place.block.x,
                 current->place.block.y, current->place.block.z);
  const auto of = [&](State s) { return count[static_cast<int>(s)]; };
  std::fprintf(stderr, "  ready %u, polling a barrier %u, at __syncthreads %u, at a cluster barrier %u, at a warp operation %u, ",
               of(State::ready), of(State::polling), of(State::at_barrier), of(State::at_cluster_barrier),
               of(State::at_warp_operation));
  std::fprintf(stderr, "at an operation of a warpgroup %u, returned %u\n", of(State::at_rendezvous), of(State::returned));
  for (const Block& b : blocks_) {
    for (const Rendezvous& r : b.warps)
      if (r.arrived)
        std::fprintf(stderr, "  block %u, warp %td waits at %s: mask %08x, arrived %08x\n", b.rank, &r - b.warps.data(), r.name,
                     r.mask, r.arrived);
    for (const Meeting& m : b.meetings)
      if (m.arrived)
        std::fprintf(stderr, "  block %u, from thread %td: %u wait at %s\n", b.rank, &m - b.meetings.data(), m.arrived, m.name);
  }
  std::abort();
}

// Schedulers keep their stacks between launches.
class Pool {
 public:
  std::unique_ptr<Scheduler> take() {
    std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<Scheduler>();
    auto s = std::move(free_.back());
    free_.pop_back();
    return s;
  }
  void give(std::unique_ptr<Scheduler> s) {
    std::lock_guard lock(mutex_);
    free_.push_back(std::move(s));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Scheduler>> free_;
};

Pool& pool() {
  static auto* p = new Pool();  // never destroyed: calls may come at exit
  return *p;
}

}  // namespace

unsigned lane() { return scheduler->current->index % kWarp; }
void* shared() { return scheduler->current->block->shared; }
void block_barrier() { scheduler->barrier(); }

void warp_operation(unsigned mask, const char* name, const void* in, size_t in_size, void* out, size_t out_size,
                    void (*combine)(unsigned, const Lanes&, Lanes&)) {
  scheduler->operation(mask, name, in, in_size, out, out_size, combine);
}

unsigned char* shared_bytes() { return scheduler->current->block->shared; }
unsigned char* shared_bytes(unsigned rank) { return scheduler->block(rank).shared; }
unsigned thread_index() { return scheduler->current->index; }
unsigned block_threads() { return scheduler->threads(); }
unsigned cluster_rank() { return scheduler->current->block->rank; }
unsigned cluster_blocks() { return scheduler->blocks(); }
bool has_ended(unsigned rank) { return scheduler->block(rank).alive == 0; }
unsigned cluster_phases() { return scheduler->current->cluster_phases; }
bool try_once(const std::function<bool()>& condition) { return scheduler->try_once(condition); }
uint64_t nanoseconds() { return scheduler->nanoseconds(); }
void rendezvous(const char* name, unsigned first, unsigned count, const std::function<void()>& together) {
  scheduler->rendezvous(name, first, count, together);
}
std::unique_ptr<BlockState>& block_state(unsigned rank) { return scheduler->block(rank).state; }
void cluster_barrier_arrive() { scheduler->cluster_arrive(); }
void cluster_barrier_wait() { scheduler->cluster_wait(); }

void copy_async(void* to, const void* from, unsigned bytes) { scheduler->copy_async({to, from, bytes}); }
void commit_copies() { scheduler->commit_copies(); }
void wait_for_copies(unsigned newest) { scheduler->wait_for_copies(newest); }

void die(const char* message) {
  if (scheduler) scheduler->die(message);
  std::fprintf(stderr, "simt: %s\n", message);
  std::abort();
}

uint64_t seed() {
  static const uint64_t value = [] {
    const char* text = std::getenv("SIMT_SEED");
    return text ? std::strtoull(text, nullptr, 10) : 0;
  }();
  return value;
}

namespace {
std::atomic<uint64_t> grids_of_clusters{0};
}

uint64_t cluster_launches() { return grids_of_clusters; }

namespace {
// What the thread's last launch asked for; written down once the kernel's name is known.
struct LastLaunch {
  bool pending = false;
  unsigned cluster = 0, threads = 0;
  size_t shared_bytes = 0;
};
thread_local LastLaunch last_launch;
}  // namespace

void record_launch(const char* kernel) {
  static const char* const path = std::getenv("SIMT_LAUNCHES");
  if (!path || !std::exchange(last_launch.pending, false)) return;
  static std::mutex mutex;
  static std::set<std::string> seen;
  std::lock_guard lock(mutex);
  const LastLaunch& l = last_launch;
  const std::string line = std::string(kernel) + '\t' + std::to_string(l.cluster) + '\t' + std::to_string(l.threads) +
                           '\t' + std::to_string(l.shared_bytes) + '\n';
  if (!seen.insert(line).second) return;
  FILE* file = std::fopen(path, "a");
  if (!file || std::fputs(line.c_str(), file) < 0 || std::fclose(file) != 0) die("SIMT_LAUNCHES cannot be written");
}

void launch(dim3 grid, unsigned cluster, dim3 block, size_t shared_bytes, int workers, const std::function<void()>& thread) {
  if (grid.x % cluster) die("a grid whose blocks along x are no multiple of the cluster's");
  if (cluster > 1) ++grids_of_clusters;
  last_launch = {true, cluster, block.x * block.y * block.z, shared_bytes};
  const unsigned clusters = grid.x * grid.y * grid.z / cluster;
  std::atomic<unsigned> next{0};
  const auto run = [&](Scheduler& s, unsigned i) { s.run(seed() ? clusters - 1 - i : i); };
  const auto work = [&](const std::function<void(Scheduler&)>& first) {
    auto mine = pool().take();
    scheduler = mine.get();
    mine->prepare(grid, cluster, block, shared_bytes, thread);
    first(*mine);
    for (unsigned i = next++; i < clusters; i = next++) run(*mine, i);
    scheduler = nullptr;
    pool().give(std::move(mine));
  };
  // To start a thread takes longer than most grids of the tests: the first cluster shows whether the rest is worth it.
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::microseconds kWorthAThread{300};
  std::vector<std::thread> threads;
  workers = std::min(workers, static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  work([&](Scheduler& s) {
    const auto begin = Clock::now();
    if (next < clusters) run(s, next++);
    if ((Clock::now() - begin) * (clusters - next) < kWorthAThread) return;
    for (int i = 1; i < workers && static_cast<unsigned>(i) < clusters; ++i) threads.emplace_back(work, [](Scheduler&) {});
  });
  for (std::thread& t : threads) t.join();
}

}  // namespace simt
