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
  void run(Stream& stream, Binding& binding, const PlanData& data) const;

 private:
  dnnl::primitive primitive_;
  std::string name_;  // which of oneDNN's implementations it is
  bool together_;     // its threads wait for each other
  std::vector<PlanArgument> arguments_;
  dnnl::memory::desc scratchpad_;
  int64_t scratchpad_offset_ = 0;
  int64_t scratch_bytes_ = 0;
};

using PlanKey = std::array<int64_t, 16>;

// Plans by key. When the cache is full, the least recently used plan is dropped. The lock is held to look a plan up, not to
// run it. A plan keeps its bindings: as many as have run at the same time.
class PlanCache {
 public:
  static PlanCache& instance();

  template <class Make>
  void run(Stream& stream, const PlanKey& key, Make&& make, const PlanData& data) {
    std::shared_ptr<Entry> entry;
    std::unique_ptr<Plan::Binding> binding;
    {
      std::lock_guard lock(mutex_);
      auto it = plans_.find(key);
      if (it == plans_.end()) {
        if (plans_.size() >= kCapacity) {
          plans_.erase(order_.back());
          order_.pop_back();
        }
        const DnnlThreads threads(stream.device->threads, false);  // a primitive divides its work when it is created
        entry = std::make_shared<Entry>(make());
        order_.push_front(key);
        entry->position = order_.begin();
        plans_.emplace(key, entry);
        ++stream.device->cached_plans;
      } else {
        entry = it->second;
        order_.splice(order_.begin(), order_, entry->position);
      }
      if (entry->idle.empty()) {
        binding = entry->plan.bind();
      } else {
        binding = std::move(entry->idle.back());
        entry->idle.pop_back();
      }
    }
    entry->plan.run(stream, *binding, data);
    std::lock_guard lock(mutex_);
    entry->idle.push_back(std::move(binding));
  }

 private:
  // 24 scales of a full SD-VAE step have some 150 convolution shapes each.
  static constexpr size_t kCapacity = 8192;
  struct Hash {
    size_t operator()(const PlanKey& key) const {
      uint64_t h = 14695981039346656037ull;
      for (int64_t v : key) h = (h ^ static_cast<uint64_t>(v)) * 1099511628211ull;
      return h;
    }
  };
  struct Entry {
    explicit Entry(Plan p) : plan(std::move(p)) {}
    const Plan plan;
    std::list<PlanKey>::iterator position;
    std::vector<std::unique_ptr<Plan::Binding>> idle;
  };
  std::mutex mutex_;
  std::list<PlanKey> order_;
  std::unordered_map<PlanKey, std::shared_ptr<Entry>, Hash> plans_;
};

}  // namespace eqv::cpu
