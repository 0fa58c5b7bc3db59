// In the planner a launch is a line of the journal (core/journal.h). Included before every source of it.
#pragma once

#include "backend.h"
#include "simt/simt.h"

namespace eqv::gpu {

void planned_tiles(Stream& stream, int64_t bytes, int64_t copies);
void planned(Stream& stream, const char* kernel, unsigned cluster, dim3 grid, dim3 block, size_t shared_bytes);

}  // namespace eqv::gpu
