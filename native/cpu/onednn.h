// oneDNN behind the CPU backend: one engine, and a bounded cache of plans (a primitive with the reorders around it).
// After a plan exists, running it allocates nothing: layouts and scratchpads live in the stream's scratch arena.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <vector>

#include "backend.h"

namespace eqv::cpu {

dnnl::engine& engine();

// One argument of a primitive: where the caller's tensor goes, reordered if the primitive wants another layout.
struct PlanArgument {
  int name;                   // DNNL_ARG_SRC …
  dnnl::memory::desc user;    // as the caller has it
  dnnl::memory::desc inner;   // as the primitive wants it
  bool output;
  bool reordered = false;
  int64_t offset = 0;         // of the reordered copy in scratch memory
  dnnl::reorder reorder = {};
  dnnl::memory user_memory = {}, inner_memory = {};
};

// A primitive, its arguments and the scratch memory it needs. Used under the cache's lock of its device.
class Plan {
 public:
  Plan(dnnl::primitive primitive, dnnl::memory::desc scratchpad, std::vector<PlanArgument> arguments);
  // `data` in the order of the arguments; nullptr leaves an optional one out.
  void run(Stream& stream, std::initializer_list<void*> data);

 private:
  dnnl::primitive primitive_;
  std::vector<PlanArgument> arguments_;
  dnnl::memory scratchpad_;
  int64_t scratchpad_offset_ = 0;
  int64_t scratch_bytes_ = 0;
  std::unordered_map<int, dnnl::memory> bound_;
};

using PlanKey = std::array<int64_t, 16>;

// Plans by key. The least recently used go when there are too many.
class PlanCache {
 public:
  static PlanCache& instance();

  template <class Make>
  void run(Stream& stream, const PlanKey& key, Make&& make, std::initializer_list<void*> data) {
    std::lock_guard lock(mutex_);  // memory objects of a plan are bound per call
    auto it = plans_.find(key);
    if (it == plans_.end()) {
      if (plans_.size() >= kCapacity) {
        plans_.erase(order_.back());
        order_.pop_back();
      }
      order_.push_front(key);
      it = plans_.emplace(key, Entry{make(), order_.begin()}).first;
      ++stream.device->cached_plans;
    } else {
      order_.splice(order_.begin(), order_, it->second.position);
    }
    it->second.plan.run(stream, data);
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
    Plan plan;
    std::list<PlanKey>::iterator position;
  };
  std::mutex mutex_;
  std::list<PlanKey> order_;
  std::unordered_map<PlanKey, Entry, Hash> plans_;
};

}  // namespace eqv::cpu
