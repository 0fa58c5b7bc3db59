#include "onednn.h"

#include <omp.h>

namespace eqv::cpu {

dnnl::engine& engine() {
  static auto* e = new dnnl::engine(dnnl::engine::kind::cpu, 0);  // never destroyed: calls may come at exit
  return *e;
}

void use_threads(const Stream& stream) { omp_set_num_threads(stream.device->threads); }

namespace {

int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

PlanCache& PlanCache::instance() {
  static auto* cache = new PlanCache();
  return *cache;
}

Plan::Plan(dnnl::primitive primitive, dnnl::memory::desc scratchpad, std::vector<PlanArgument> arguments)
    : primitive_(std::move(primitive)), arguments_(std::move(arguments)), scratchpad_(std::move(scratchpad)) {
  int64_t offset = 0;
  for (auto& a : arguments_) {
    a.reordered = a.user != a.inner;
    if (!a.reordered) continue;
    a.reorder = a.output ? dnnl::reorder(dnnl::reorder::primitive_desc(engine(), a.inner, engine(), a.user))
                         : dnnl::reorder(dnnl::reorder::primitive_desc(engine(), a.user, engine(), a.inner));
    a.offset = offset;
    offset += aligned(static_cast<int64_t>(a.inner.get_size()));
  }
  scratchpad_offset_ = offset;
  scratch_bytes_ = offset + aligned(static_cast<int64_t>(scratchpad_.get_size()));
}

std::unique_ptr<Plan::Binding> Plan::bind() const {
  auto binding = std::make_unique<Binding>();
  binding->queue = dnnl::stream(engine());
  for (const auto& a : arguments_) {
    Binding::Memories m;
    m.user = dnnl::memory(a.user, engine(), DNNL_MEMORY_NONE);
    if (a.reordered) m.inner = dnnl::memory(a.inner, engine(), DNNL_MEMORY_NONE);
    binding->bound[a.name] = a.reordered ? m.inner : m.user;
    binding->arguments.push_back(std::move(m));
  }
  binding->scratchpad = dnnl::memory(scratchpad_, engine(), DNNL_MEMORY_NONE);
  binding->bound[DNNL_ARG_SCRATCHPAD] = binding->scratchpad;
  return binding;
}

void Plan::run(Stream& stream, Binding& binding, const PlanData& data) const {
  use_threads(stream);
  char* base = static_cast<char*>(scratch(stream, scratch_bytes_));
  binding.scratchpad.set_data_handle(base + scratchpad_offset_);
  auto it = data.begin();
  for (size_t i = 0; i < arguments_.size(); ++i) {
    const PlanArgument& a = arguments_[i];
    Binding::Memories& m = binding.arguments[i];
    m.user.set_data_handle(*it++);
    if (!a.reordered) continue;
    m.inner.set_data_handle(base + a.offset);
    if (!a.output) a.reorder.execute(binding.queue, m.user, m.inner);
  }
  primitive_.execute(binding.queue, binding.bound);
  for (size_t i = 0; i < arguments_.size(); ++i) {
    const PlanArgument& a = arguments_[i];
    if (a.reordered && a.output)
      a.reorder.execute(binding.queue, binding.arguments[i].inner, binding.arguments[i].user);
  }
  binding.queue.wait();
}

}  // namespace eqv::cpu
