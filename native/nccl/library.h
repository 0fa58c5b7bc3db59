// The library of NCCL, opened when it is first asked for.
#pragma once

#include <cstddef>

#include "nccl_types.h"
// after the types
#include "nccl_functions.h"

namespace eqv {

struct Nccl {
#define EQV_NCCL_FUNCTIONS(X) \
  X(ncclGetVersion)           \
  X(ncclGetUniqueId)          \
  X(ncclCommInitRankConfig)   \
  X(ncclCommFinalize)         \
  X(ncclCommDestroy)          \
  X(ncclCommAbort)            \
  X(ncclCommGetAsyncError)    \
  X(ncclGetErrorString)       \
  X(ncclGetLastError)         \
  X(ncclGroupStart)           \
  X(ncclGroupEnd)             \
  X(ncclSend)                 \
  X(ncclRecv)                 \
  X(ncclAllGather)            \
  X(ncclAllReduce)            \
  X(ncclBroadcast)
#define EQV_NCCL_MEMBER(name) decltype(&::name) name = nullptr;
  EQV_NCCL_FUNCTIONS(EQV_NCCL_MEMBER)
#undef EQV_NCCL_MEMBER
};

// Opens `file`, or the backend's default for nullptr; each at most once. Throws EQV_NO_DEVICE with the reason.
const Nccl& open_nccl(const char* file, int* version);
// The one that was opened last. Throws if none was.
const Nccl& nccl();

}  // namespace eqv
