// For backends that finish their work before a call returns: streams have nothing to wait for, host memory is ordinary
// memory, there are no graphs to capture, and the host's clock times the work.
#pragma once

#include <chrono>
#include <cstdlib>

#include "backend.h"
#include "status.h"

namespace eqv::backend {

void select(const Device&) {}
void wait(Stream&, Stream&) {}

void* raw_host_allocate(Device&, int64_t bytes) {
  return std::aligned_alloc(64, (static_cast<size_t>(bytes) + 63) / 64 * 64);
}
void raw_host_release(Device&, void* data) { std::free(data); }

bool captures() { return false; }
void begin_capture(Stream&) {}
void* end_capture(Stream&, bool) { return nullptr; }
void launch_graph(Stream&, void*) {}
void destroy_graph(Device&, void*) {}

bool times_kernels() { return false; }
Mark mark(Stream&) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return {.seconds = std::chrono::duration<double>(now).count()};
}
double seconds_between(const Mark& begin, const Mark& end) { return end.seconds - begin.seconds; }
void release(const Mark&) noexcept {}
void ceilings(const Device&, eqv_profile_summary&) {}

}  // namespace eqv::backend
