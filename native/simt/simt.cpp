// The scheduler of the shim: fibers, barriers, warp operations.
#include "scheduler.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
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
namespace {

constexpr size_t kStack = size_t{64} << 10;
constexpr size_t kStagger = 320;  // stacks a power of two apart would share cache sets
constexpr int kSavedRegisters = 6;
constexpr size_t kSharedAlignment = 1024;
constexpr unsigned kWarp = 32;

enum class State { ready, polling, at_barrier, at_warp_operation, at_rendezvous, returned };
constexpr int kStates = 6;

struct Copy {
  void* to;
  const void* from;
  unsigned bytes;

  void run() const {
    if (from) std::memcpy(to, from, bytes);
    else std::memset(to, 0, bytes);
  }
};

struct Fiber {
  void* stack_pointer = nullptr;
  Place place;
  unsigned index = 0;
  State state = State::ready;
  std::vector<std::vector<Copy>> copies;  // groups of asynchronous copies, the last one not committed yet
};

// The operation that some lanes of a warp have reached and others have not.
struct Rendezvous {
  unsigned mask = 0, arrived = 0;
  const char* name = nullptr;
  alignas(64) Lanes in, out;
};

// Runs blocks, one at a time, on one thread of the processor.
class Scheduler {
 public:
  ~Scheduler() {
    release_stacks();
  }

  void release_stacks();
  void prepare(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& body);
  void run(unsigned block);

  void barrier();
  void operation(unsigned mask, const char* name, const void* in, size_t in_size, void* out, size_t out_size,
                 void (*combine)(unsigned, const Lanes&, Lanes&));
  void copy_async(const Copy& copy);
  void commit_copies() { current->copies.emplace_back(); }
  void wait_for_copies(unsigned newest);
  void wait_until(const std::function<bool()>& condition);
  void rendezvous(unsigned first, unsigned count, const std::function<void()>& together);
  [[noreturn]] void die(const char* message) const;

  std::unique_ptr<BlockState> state;

  Fiber* current = nullptr;
  unsigned char* shared = nullptr;

 private:
  static void enter();
  void wait(State state);
  void release_barrier();

  dim3 grid_, block_;
  size_t shared_bytes_ = 0;
  const std::function<void()>* body_ = nullptr;
  std::vector<Fiber> fibers_;
  std::vector<Rendezvous> warps_;
  std::vector<unsigned> order_;
  std::vector<unsigned char> shared_memory_;
  std::mt19937_64 random_;
  unsigned char* stacks_ = nullptr;
  size_t stack_bytes_ = 0;
  std::vector<unsigned> together_;  // by first thread: how many are at a rendezvous
  void* main_ = nullptr;
  bool moved_ = false;
  unsigned alive_ = 0, at_barrier_ = 0;
};

thread_local Scheduler* scheduler = nullptr;

void Scheduler::release_stacks() {
  if (!stacks_) return;
  ASAN_UNPOISON_MEMORY_REGION(stacks_, stack_bytes_);  // who gets these pages next must not inherit the frames
  munmap(stacks_, stack_bytes_);
}

void Scheduler::prepare(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& body) {
  grid_ = grid;
  block_ = block;
  body_ = &body;
  const unsigned threads = block.x * block.y * block.z;
  const size_t wanted = threads * (kStack + kStagger);
  if (wanted > stack_bytes_) {
    release_stacks();
    void* memory = mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) die("no memory for the threads' stacks");
    stacks_ = static_cast<unsigned char*>(memory);
    stack_bytes_ = wanted;
  }
  fibers_.assign(threads, Fiber{});
  warps_.assign((threads + kWarp - 1) / kWarp, Rendezvous{});
  order_.resize(threads);
  for (unsigned i = 0; i < threads; ++i) {
    order_[i] = i;
    fibers_[i].index = i;
    fibers_[i].place = {{i % block.x, i / block.x % block.y, i / (block.x * block.y)}, {}, block, grid};
  }
  shared_bytes_ = shared_bytes;
  ASAN_UNPOISON_MEMORY_REGION(shared_memory_.data(), shared_memory_.size());
  shared_memory_.resize(shared_bytes + kSharedAlignment);
  const auto address = reinterpret_cast<uintptr_t>(shared_memory_.data());
  shared = reinterpret_cast<unsigned char*>((address + kSharedAlignment - 1) / kSharedAlignment * kSharedAlignment);
  ASAN_UNPOISON_MEMORY_REGION(shared, shared_bytes);
  ASAN_POISON_MEMORY_REGION(shared + shared_bytes, shared_memory_.data() + shared_memory_.size() - (shared + shared_bytes));
  random_.seed(seed());
}

// Where a fiber begins. It never returns: its stack has nobody to return to.
void Scheduler::enter() {
  Scheduler& s = *scheduler;
  (*s.body_)();
  for (const auto& group : s.current->copies)
    if (!group.empty()) s.die("a thread ends with asynchronous copies it never waited for");
  --s.alive_;
  s.current->state = State::returned;
  if (s.alive_ && s.at_barrier_ == s.alive_) s.release_barrier();
  eqv_simt_switch(&s.current->stack_pointer, s.main_);
  __builtin_unreachable();
}

void Scheduler::run(unsigned block) {
  const dim3 at{block % grid_.x, block / grid_.x % grid_.y, block / (grid_.x * grid_.y)};
  alive_ = static_cast<unsigned>(fibers_.size());
  at_barrier_ = 0;
  together_.assign(fibers_.size(), 0);
  if (shared_bytes_) std::memset(shared, 0xff, shared_bytes_);  // a NaN in every floating type
  for (Fiber& f : fibers_) {
    f.place.block = at;
    f.copies.assign(1, {});
    f.state = State::ready;
    // The fiber that ran here never returned: AddressSanitizer still guards its frames.
    ASAN_UNPOISON_MEMORY_REGION(stacks_ + f.index * (kStack + kStagger), kStack + kStagger);
    auto** top = reinterpret_cast<void**>(stacks_ + (f.index + 1) * (kStack + kStagger) - 64);
    *--top = nullptr;  // the alignment a called function expects
    *--top = reinterpret_cast<void*>(&Scheduler::enter);
    for (int i = 0; i < kSavedRegisters; ++i) *--top = nullptr;
    f.stack_pointer = top;
  }
  if (seed()) std::shuffle(order_.begin(), order_.end(), random_);
  while (alive_) {
    moved_ = false;
    for (unsigned i : order_) {
      if (fibers_[i].state != State::ready && fibers_[i].state != State::polling) continue;
      moved_ = moved_ || fibers_[i].state == State::ready;
      current = &fibers_[i];
      eqv_simt_switch(&main_, current->stack_pointer);
    }
    if (!moved_) die("deadlock: no thread of the block can go on");
  }
  if (state) state->at_end();
  state.reset();
  current = nullptr;
}

void Scheduler::wait(State state) {
  current->state = state;
  eqv_simt_switch(&current->stack_pointer, main_);
}

void Scheduler::wait_until(const std::function<bool()>& condition) {
  while (!condition()) wait(State::polling);
  moved_ = true;
}

void Scheduler::rendezvous(unsigned first, unsigned count, const std::function<void()>& together) {
  if (first + count > fibers_.size()) die("an operation of a warpgroup in a block that has no such warpgroup");
  if (++together_[first] < count) return wait(State::at_rendezvous);
  together_[first] = 0;
  together();
  for (unsigned i = first; i < first + count; ++i)
    if (fibers_[i].state == State::at_rendezvous) fibers_[i].state = State::ready;
}

void Scheduler::release_barrier() {
  for (Fiber& f : fibers_)
    if (f.state == State::at_barrier) f.state = State::ready;
  at_barrier_ = 0;
}

void Scheduler::barrier() {
  if (++at_barrier_ == alive_) {
    release_barrier();
    return;
  }
  wait(State::at_barrier);
}

void Scheduler::operation(unsigned mask, const char* name, const void* in, size_t in_size, void* out, size_t out_size,
                          void (*combine)(unsigned, const Lanes&, Lanes&)) {
  const unsigned lane = current->index % kWarp, first = current->index - lane;
  Rendezvous& r = warps_[current->index / kWarp];
  if (!(mask >> lane & 1)) die("a lane calls a warp operation whose mask leaves it out");
  if (!r.arrived) {
    r.mask = mask;
    r.name = name;
  } else if (r.mask != mask || std::strcmp(r.name, name) != 0) {
    die("the lanes of a warp are at different warp operations, or give different masks");
  }
  if (in_size) std::memcpy(r.in[lane], in, in_size);
  r.arrived |= 1u << lane;
  if (r.arrived == mask) {
    r.arrived = 0;
    combine(mask, r.in, r.out);
    for (unsigned i = 0; i < kWarp && first + i < fibers_.size(); ++i)
      if ((mask >> i & 1) && fibers_[first + i].state == State::at_warp_operation)
        fibers_[first + i].state = State::ready;
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
  if (to < shared || to + copy.bytes > shared + shared_bytes_) die("cp.async: the destination is not in shared memory");
  static const bool early = std::getenv("SIMT_EARLY") != nullptr;
  if (early) copy.run();
  else current->copies.back().push_back(copy);
}

void Scheduler::wait_for_copies(unsigned newest) {
  auto& groups = current->copies;
  while (groups.size() > newest + 1) {  // the open group does not count
    for (const Copy& copy : groups.front()) copy.run();
    groups.erase(groups.begin());
  }
}

void Scheduler::die(const char* message) const {
  unsigned count[kStates] = {};
  for (const Fiber& f : fibers_) ++count[static_cast<int>(f.state)];
  std::fprintf(stderr, "simt: %s\n", message);
  if (current)
    std::fprintf(stderr, "  thread %u of block (%u, %u, %u)\n", current->index, current->place.block.x,
                 current->place.block.y, current->place.block.z);
  const auto of = [&](State s) { return count[static_cast<int>(s)]; };
  std::fprintf(stderr, "  ready %u, polling a barrier %u, at __syncthreads %u, at a warp operation %u, ", of(State::ready),
               of(State::polling), of(State::at_barrier), of(State::at_warp_operation));
  std::fprintf(stderr, "at an operation of a warpgroup %u, returned %u\n", of(State::at_rendezvous), of(State::returned));
  for (const Rendezvous& r : warps_)
    if (r.arrived)
      std::fprintf(stderr, "  warp %td waits at %s: mask %08x, arrived %08x\n", &r - warps_.data(), r.name, r.mask,
                   r.arrived);
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

const Place& here() { return scheduler->current->place; }
unsigned lane() { return scheduler->current->index % kWarp; }
void* shared() { return scheduler->shared; }
void block_barrier() { scheduler->barrier(); }

void warp_operation(unsigned mask, const char* name, const void* in, size_t in_size, void* out, size_t out_size,
                    void (*combine)(unsigned, const Lanes&, Lanes&)) {
  scheduler->operation(mask, name, in, in_size, out, out_size, combine);
}

unsigned char* shared_bytes() { return scheduler->shared; }
unsigned thread_index() { return scheduler->current->index; }
void wait_until(const std::function<bool()>& condition) { scheduler->wait_until(condition); }
void rendezvous(unsigned first, unsigned count, const std::function<void()>& together) {
  scheduler->rendezvous(first, count, together);
}
std::unique_ptr<BlockState>& block_state() { return scheduler->state; }

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

void launch(dim3 grid, dim3 block, size_t shared_bytes, int workers, const std::function<void()>& thread) {
  const unsigned blocks = grid.x * grid.y * grid.z;
  std::atomic<unsigned> next{0};
  const auto work = [&] {
    auto mine = pool().take();
    scheduler = mine.get();
    mine->prepare(grid, block, shared_bytes, thread);
    for (unsigned i = next++; i < blocks; i = next++) mine->run(seed() ? blocks - 1 - i : i);
    scheduler = nullptr;
    pool().give(std::move(mine));
  };
  std::vector<std::thread> threads;
  for (int i = 1; i < workers && static_cast<unsigned>(i) < blocks; ++i) threads.emplace_back(work);
  work();
  for (std::thread& t : threads) t.join();
}

}  // namespace simt
