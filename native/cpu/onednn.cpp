#include "onednn.h"

#include <omp.h>

namespace eqv::cpu {

dnnl::engine& engine() {
  static auto* e = new dnnl::engine(dnnl::engine::kind::cpu, 0);  // never destroyed: calls may come at exit
  return *e;
}

namespace {

dnnl::stream& queue() {
  static auto* s = new dnnl::stream(engine());
  return *s;
}

int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

PlanCache& PlanCache::instance() {
  static auto* cache = new PlanCache();
  return *cache;
}

Plan::Plan(dnnl::primitive primitive, dnnl::memory::desc scratchpad, std::vector<PlanArgument> arguments)
    : primitive_(std::move(primitive)), arguments_(std::move(arguments)) {
  int64_t offset = 0;
  for (auto& a : arguments_) {
    a.user_memory = dnnl::memory(a.user, engine(), DNNL_MEMORY_NONE);
    a.reordered = a.user != a.inner;
    if (a.reordered) {
      a.inner_memory = dnnl::memory(a.inner, engine(), DNNL_MEMORY_NONE);
      a.reorder = a.output ? dnnl::reorder(dnnl::reorder::primitive_desc(engine(), a.inner, engine(), a.user))
                           : dnnl::reorder(dnnl::reorder::primitive_desc(engine(), a.user, engine(), a.inner));
      a.offset = offset;
      offset += aligned(static_cast<int64_t>(a.inner.get_size()));
    }
    bound_[a.name] = a.reordered ? a.inner_memory : a.user_memory;
  }
  scratchpad_ = dnnl::memory(scratchpad, engine(), DNNL_MEMORY_NONE);
  scratchpad_offset_ = offset;
  scratch_bytes_ = offset + aligned(static_cast<int64_t>(scratchpad.get_size()));
  bound_[DNNL_ARG_SCRATCHPAD] = scratchpad_;
}

void Plan::run(Stream& stream, std::initializer_list<void*> data) {
  omp_set_num_threads(stream.device->threads);
  char* base = static_cast<char*>(scratch(stream, scratch_bytes_));
  scratchpad_.set_data_handle(base + scratchpad_offset_);
  auto it = data.begin();
  for (auto& a : arguments_) {
    a.user_memory.set_data_handle(*it++);
    if (!a.reordered) continue;
    a.inner_memory.set_data_handle(base + a.offset);
    if (!a.output) a.reorder.execute(queue(), a.user_memory, a.inner_memory);
  }
  primitive_.execute(queue(), bound_);
  for (auto& a : arguments_)
    if (a.reordered && a.output) a.reorder.execute(queue(), a.inner_memory, a.user_memory);
  queue().wait();
}

}  // namespace eqv::cpu
