// What a backend with NCCL adds to backend.h.
#pragma once

#include "backend.h"
#include "eqv_comm.h"

namespace eqv::backend {

int64_t count_devices();
// The library that is opened if nobody names one; nullptr for none.
const char* default_nccl();
// The stream as NCCL takes it.
void* nccl_stream(Stream&);
// Whether all work of the stream is done. Does not wait.
bool is_done(Stream&);

}  // namespace eqv::backend
