// oneDNN behind the CPU backend: one engine, and a bounded cache of plans (a primitive with the reorders around it).
// After a plan exists, running it allocates nothing: layouts and scratchpads live in the stream's scratch arena.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "backend.h"
#include "openmp.h"

namespace eqv::cpu {

dnnl::engine& engine();

// One argument of a primitive: where the caller's tensor goes, reordered if the primitive needs another layout.
struct PlanArgument {
  int name;                   // DNNL_ARG_SRC …
  dnnl::memory::desc user;    // as the caller has it
  dnnl::memory::desc inner;   // as the primitive needs it
  bool output;
  bool rounded = false;       // to bf16, but kept as floats, before it is reordered or read
  bool reordered = false;
  int64_t rounded_offset = 0;
  int64_t offset = 0;         // of the reordered copy in scratch memory
  dnnl::reorder reorder = {};
};

// Where the tensors of a call are, in the order of the plan's arguments; null for those the call does not have.
using PlanData = std::array<void*, 5>;

// A primitive, its arguments and the scratch memory it needs. Streams run a plan at the same time; what a call binds to
// its addresses is a binding of its own.
class Plan {
 public:
  // Memory objects of one call, and the queue it goes through.
  struct Binding {
    struct Memories {
      dnnl::memory user, inner;
    };
    std::vector<Memories> arguments;
    dnnl::memory scratchpad;
    std::unordered_map<int, dnnl::memory> bound;
    dnnl::stream queue;
  };

  Plan(dnnl::primitive primitive, dnnl::memory::desc scratchpad, std::vector<PlanArgument> arguments);
  std::unique_ptr<Binding> bind() const;
  // Shares the work, in so many pieces, among the device's threads.
  void run(Stream& stream, int pieces, Binding& binding, const PlanData& data) const;
  // As a piece of a call's work, on the calling thread, with scratch memory of its own. For plans in one piece.
  void run_piece(void* scratch, Binding& binding, const PlanData& data) const;
  int64_t scratch_bytes() const { return scratch_bytes_; }
  const char* name() const { return name_.c_str(); }
  // Whether threads of the primitive wait for each other: it must be made in one piece.
  bool waits() const { return waits_; }

 private:
  void execute(Stream* timed, char* scratch, Binding& binding, const PlanData& data) const;

  dnnl::primitive primitive_;
  std::string name_;  // which of oneDNN's implementations it is
  bool waits_;
  std::vector<PlanArgument> arguments_;
  dnnl::memory::desc scratchpad_;
  int64_t scratchpad_offset_ = 0;
  int64_t scratch_bytes_ = 0;
};

using PlanKey = std::array<int64_t, 15>;

// Plans by key. When the cache is full, the least recently used plan is dropped. The lock is held to look a plan up, not to
// run it. A plan keeps its bindings: as many as have run at the same time.
class PlanCache {
 public:
  static PlanCache& instance();

  // A plan and its bindings.
  class Entry {
   public:
    Entry(Plan p, int in_pieces) : plan(std::move(p)), pieces(in_pieces) {}

    template <class F>
    void bound(F&& f) {
      std::unique_ptr<Plan::Binding> binding;
      {
        std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
          binding = std::move(idle_.back());
          idle_.pop_back();
        }
      }
      if (!binding) binding = plan.bind();
      f(*binding);
      std::lock_guard lock(mutex_);
      idle_.push_back(std::move(binding));
    }

    const Plan plan;
    const int pieces;

   private:
    friend PlanCache;
    std::list<PlanKey>::iterator position_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Plan::Binding>> idle_;
  };

  // The plan of a key, in so many pieces. A primitive divides its work when it is created. The number of pieces must not depend on
  // that of threads, since results may depend on it. In one piece, a primitive can be a piece of a call's work itself.
  template <class Make>
  std::shared_ptr<Entry> plan(Stream& stream, const PlanKey& key, int pieces, Make&& make) {
    std::lock_guard lock(mutex_);
    const auto it = plans_.find(key);
    if (it != plans_.end()) {
      order_.splice(order_.begin(), order_, it->second->position_);
      return it->second;
    }
    if (plans_.size() >= kCapacity) {
      plans_.erase(order_.back());
      order_.pop_back();
    }
    auto entry = std::make_shared<Entry>(make_plan(pieces, make), pieces);
    if (pieces > 1 && entry->plan.waits()) entry = std::make_shared<Entry>(make_plan(1, make), 1);
    order_.push_front(key);
    entry->position_ = order_.begin();
    plans_.emplace(key, entry);
    ++stream.device->cached_plans;
    return entry;
  }

  template <class Make>
  void run(Stream& stream, const PlanKey& key, int pieces, Make&& make, const PlanData& data) {
    const auto entry = plan(stream, key, pieces, make);
    entry->bound([&](Plan::Binding& binding) { entry->plan.run(stream, entry->pieces, binding, data); });
  }

 private:
  template <class Make>
  static Plan make_plan(int pieces, Make&& make) {
    const DnnlPieces divided(pieces, 1);
    return make();
  }

  // 24 scales of a full SD-VAE step have some 150 convolution shapes each.
  static constexpr size_t kCapacity = 8192;
  struct Hash {
    size_t operator()(const PlanKey& key) const {
      uint64_t h = 14695981039346656037ull;
      for (int64_t v : key) h = (h ^ static_cast<uint64_t>(v)) * 1099511628211ull;
      return h;
    }
  };
  std::mutex mutex_;
  std::list<PlanKey> order_;
  std::unordered_map<PlanKey, std::shared_ptr<Entry>, Hash> plans_;
};

}  // namespace eqv::cpu
