// For backends that finish their work before a call returns: streams have nothing to wait for, host memory is ordinary
// memory, and there are no graphs to capture.
#pragma once

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

}  // namespace eqv::backend
