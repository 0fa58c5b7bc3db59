#include "onednn.h"

#include "bf16.h"
#include "parallel.h"

namespace eqv::cpu {

dnnl::engine& engine() {
  static auto* e = new dnnl::engine(dnnl::engine::kind::cpu, 0);  // never destroyed: calls may come at exit
  return *e;
}

namespace {

int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

std::string implementation(const dnnl::primitive& primitive) {
  const char* name = nullptr;
  const auto status = dnnl_primitive_desc_query(primitive.get_primitive_desc(), dnnl_query_impl_info_str, 0, &name);
  return std::string("oneDNN ") + (status == dnnl_success && name ? name : "primitive");
}

// Whether the primitive's threads wait for each other: true for weight gradients, whose parts they add, and for oneDNN's
// large matrix products, on which some convolutions are built ("gemm:jit"; "brgconv" has its own products).
bool threads_wait(const dnnl::primitive& primitive, const std::string& name) {
  dnnl_prop_kind_t kind;
  const auto status = dnnl_primitive_desc_query(primitive.get_primitive_desc(), dnnl_query_prop_kind, 0, &kind);
  return status != dnnl_success || kind == dnnl_backward_weights || name.find("gemm:") != std::string::npos;
}

// Rounds a dense tensor of so many bytes.
float* round_copy(Stream* stream, const void* from, int64_t bytes, void* to) {
  const float* x = static_cast<const float*>(from);
  float* rounded = static_cast<float*>(to);
  const auto round = [&](int64_t begin, int64_t end) {
    round_to_bf16(x + begin, 0, 1, end - begin, rounded + begin, 0);
  };
  const int64_t n = bytes / static_cast<int64_t>(sizeof(float));
  if (!stream) {
    round(0, n);
    return rounded;
  }
  begin_kernel(*stream, "round to bf16", true);
  parallel_elements(*stream, n, round);
  end_kernel(*stream);
  return rounded;
}

}  // namespace

PlanCache& PlanCache::instance() {
  static auto* cache = new PlanCache();
  return *cache;
}

Plan::Plan(dnnl::primitive primitive, dnnl::memory::desc scratchpad, std::vector<PlanArgument> arguments)
    : primitive_(std::move(primitive)),
      name_(implementation(primitive_)),
      waits_(threads_wait(primitive_, name_)),
      arguments_(std::move(arguments)),
      scratchpad_(std::move(scratchpad)) {
  int64_t offset = 0;
  for (auto& a : arguments_) {
    if (a.rounded) {
      a.rounded_offset = offset;
      offset += aligned(static_cast<int64_t>(a.user.get_size()));
    }
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

void Plan::run(Stream& stream, int pieces, Binding& binding, const PlanData& data) const {
  const DnnlPieces divided(pieces, stream.device->threads);
  execute(&stream, static_cast<char*>(scratch(stream, scratch_bytes_)), binding, data);
}

void Plan::run_piece(void* scratch, Binding& binding, const PlanData& data) const {
  execute(nullptr, static_cast<char*>(scratch), binding, data);
}

void Plan::execute(Stream* timed, char* scratch, Binding& binding, const PlanData& data) const {
  const auto reorder = [&](const PlanArgument& a, dnnl::memory& from, dnnl::memory& to) {
    if (timed) begin_kernel(*timed, "oneDNN reorder", true);
    a.reorder.execute(binding.queue, from, to);
    if (timed) end_kernel(*timed);
  };
  binding.scratchpad.set_data_handle(scratch + scratchpad_offset_);
  auto it = data.begin();
  for (size_t i = 0; i < arguments_.size(); ++i) {
    const PlanArgument& a = arguments_[i];
    Binding::Memories& m = binding.arguments[i];
    void* given = *it++;
    if (a.rounded) given = round_copy(timed, given, static_cast<int64_t>(a.user.get_size()), scratch + a.rounded_offset);
    m.user.set_data_handle(given);
    if (!a.reordered) continue;
    m.inner.set_data_handle(scratch + a.offset);
    if (!a.output) reorder(a, m.user, m.inner);
  }
  if (timed) begin_kernel(*timed, name_.c_str());
  primitive_.execute(binding.queue, binding.bound);
  if (timed) end_kernel(*timed);
  for (size_t i = 0; i < arguments_.size(); ++i) {
    const PlanArgument& a = arguments_[i];
    if (a.reordered && a.output) reorder(a, binding.arguments[i].inner, binding.arguments[i].user);
  }
  binding.queue.wait();
}

}  // namespace eqv::cpu
