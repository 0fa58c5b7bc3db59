// Compiled by NcclHeaderTest against NCCL's own header: our copy of its types and functions agrees with it, or this does not
// compile.
#include <nccl.h>

#include <cstddef>
#include <type_traits>

namespace ours {
#include "nccl_types.h"
}
#include "nccl_functions.h"

static_assert(sizeof(ours::ncclUniqueId) == sizeof(ncclUniqueId) && alignof(ours::ncclUniqueId) == alignof(ncclUniqueId));
static_assert(sizeof(ours::ncclResult_t) == sizeof(ncclResult_t) && sizeof(ours::ncclDataType_t) == sizeof(ncclDataType_t) &&
              sizeof(ours::ncclRedOp_t) == sizeof(ncclRedOp_t));

#define SAME(name) static_assert(static_cast<int>(ours::name) == static_cast<int>(::name), #name)
SAME(ncclSuccess);
SAME(ncclUnhandledCudaError);
SAME(ncclSystemError);
SAME(ncclInternalError);
SAME(ncclInvalidArgument);
SAME(ncclInvalidUsage);
SAME(ncclRemoteError);
SAME(ncclInProgress);
SAME(ncclInt8);
SAME(ncclFloat32);
SAME(ncclSum);

#define FIELD(name)                                                                         \
  static_assert(offsetof(ours::ncclConfig_t, name) == offsetof(ncclConfig_t, name), #name); \
  static_assert(std::is_same_v<decltype(ours::ncclConfig_t::name), decltype(ncclConfig_t::name)>, #name)
FIELD(size);
FIELD(magic);
FIELD(version);
FIELD(blocking);
FIELD(cgaClusterSize);
FIELD(minCTAs);
FIELD(maxCTAs);
FIELD(netName);
FIELD(splitShare);
static_assert(sizeof(ours::ncclConfig_t) <= sizeof(ncclConfig_t));

#include "nccl_constants.h"
static_assert(eqv::kNcclMagic == NCCL_API_MAGIC && eqv::kNcclUndefined == NCCL_CONFIG_UNDEF_INT);
static_assert(eqv::kNcclOldest == NCCL_VERSION(2, 18, 1));
