#include "profile.h"

#include <cstdio>
#include <utility>

#include "journal.h"

namespace eqv {
namespace {

constexpr size_t kWaiting = 1024;  // calls whose times are not read yet: at most so many events exist at once

void release(const CallRecord& call) noexcept {
  backend::release(call.span.begin);
  backend::release(call.span.end);
  for (const auto& kernel : call.kernels) {
    backend::release(kernel.span.begin);
    backend::release(kernel.span.end);
  }
}

double seconds(const Span& span) { return backend::seconds_between(span.begin, span.end); }

}  // namespace

Profile::~Profile() {
  for (const auto& call : waiting_) release(call);
}

void Profile::begin() {
  std::lock_guard lock(mutex_);
  for (const auto& call : waiting_) release(call);
  waiting_.clear();
  sums_.clear();
  begun_ = Clock::now();
  running_ = true;
}

void Profile::end() {
  std::lock_guard lock(mutex_);
  if (std::exchange(running_, false)) ended_ = Clock::now();
}

void Profile::add(CallRecord&& call) {
  if (journals()) journal("call\t%s\t%d\t%.0f\t%.0f", call.operation, call.math, call.bytes, call.flops);
  std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(call));
  if (waiting_.size() >= kWaiting) settle();
}

void Profile::settle() {
  while (!waiting_.empty()) {
    const CallRecord call = std::move(waiting_.back());
    waiting_.pop_back();
    int64_t kernels = 0;
    for (const auto& kernel : call.kernels) kernels += !kernel.helper;
    double sum = 0;
    for (const auto& kernel : call.kernels) {
      const double time = seconds(kernel.span);
      Sum& row = sums_[{call.operation, kernel.name, call.math}];
      ++row.calls;
      row.seconds += time;
      sum += time;
      if (kernels != 1 || kernel.helper) continue;
      row.bytes += call.bytes;
      row.flops += call.flops;
    }
    Sum& row = sums_[{call.operation, "", call.math}];
    ++row.calls;
    row.seconds += call.whole ? seconds(call.span) : sum;
    row.bytes += call.bytes;
    row.flops += call.flops;
    release(call);
  }
}

void Profile::read(eqv_profile_summary& summary) {
  std::lock_guard lock(mutex_);
  settle();
  summary.rows = static_cast<int32_t>(sums_.size());
  summary.seconds = std::chrono::duration<double>((running_ ? Clock::now() : ended_) - begun_).count();
}

bool Profile::get(int64_t index, eqv_profile_row& row) {
  std::lock_guard lock(mutex_);
  if (index < 0 || index >= static_cast<int64_t>(sums_.size())) return false;
  const auto& [key, sum] = *std::next(sums_.begin(), index);
  const auto& [operation, kernel, math] = key;
  row = {.struct_size = sizeof row, .math = math, .calls = sum.calls, .seconds = sum.seconds, .bytes = sum.bytes, .flops = sum.flops,
         .operation = {}, .kernel = {}};
  std::snprintf(row.operation, sizeof row.operation, "%s", operation.c_str());
  std::snprintf(row.kernel, sizeof row.kernel, "%s", kernel.c_str());
  return true;
}

void ProfiledCall::start(Stream& stream, const char* operation, bool whole) {
  record_.operation = operation;
  record_.whole = whole || !backend::times_kernels();
  if (record_.whole) record_.span.begin = backend::mark(stream);
  stream_ = &stream;
  stream.clock = this;
}

void ProfiledCall::begin(const char* kernel, bool helper) {
  record_.kernels.push_back({.name = kernel, .helper = helper, .span = {}});
  record_.kernels.back().span.begin = backend::mark(*stream_);
}

void ProfiledCall::end() {
  record_.kernels.back().span.end = backend::mark(*stream_);
}

void ProfiledCall::finish(int32_t dtype) {
  if (record_.whole) record_.span.end = backend::mark(*stream_);
  if (dtype == EQV_BF16) record_.math = EQV_MATH_BF16;
  else if (stream_->tf32 && record_.flops > 0) record_.math = EQV_MATH_TF32;
  else if (stream_->bf16 && record_.flops > 0) record_.math = EQV_MATH_BF16;
  stream_->device->profile->add(std::move(record_));
  std::exchange(stream_, nullptr)->clock = nullptr;
}

void ProfiledCall::drop() noexcept {
  release(record_);
  stream_->clock = nullptr;
}

}  // namespace eqv
