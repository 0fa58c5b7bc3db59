// The functions of eqv_comm.h. Communicators of NCCL never block here (ncclConfig_t::blocking = 0): a rank that waits for
// one that hangs or is gone must be able to end.
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>

#include "hooks.h"
#include "library.h"
#include "nccl_constants.h"
#include "status.h"

struct eqv_comm_s {
  eqv_device device = nullptr;
  const eqv::Nccl* nccl = nullptr;
  ncclComm_t native = nullptr;
  int rank = 0, size = 0;
  int64_t calls = 0;           // given to NCCL so far
  const char* last = "start";  // the last one
  bool failed = false;
};

namespace eqv {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kMostRanks = 1 << 20;

// One line: NCCL's own text may have several.
std::string one_line(const char* text) {
  std::string line;
  for (const char* c = text ? text : ""; *c; ++c) {
    if (*c != '\n')
      line += *c;
    else if (!line.empty() && c[1])
      line += "; ";
  }
  return line;
}

[[noreturn]] void fail(eqv_comm comm, ncclResult_t result) {
  comm->failed = true;
  const std::string last = one_line(comm->nccl->ncclGetLastError(comm->native));
  throw error(EQV_DEVICE_FAILED, "NCCL failed in rank %d of %d, in its %s (call %lld): %s%s%s", comm->rank, comm->size,
              comm->last, static_cast<long long>(comm->calls), one_line(comm->nccl->ncclGetErrorString(result)).c_str(),
              last.empty() ? "" : ": ", last.c_str());
}

void require(eqv_comm comm, ncclResult_t result) {
  if (result != ncclSuccess && result != ncclInProgress) fail(comm, result);
}

eqv_comm need(eqv_comm comm, const char* function) {
  if (!comm) throw error(EQV_BAD_HANDLE, "%s: comm is null; it was never opened or is already closed", function);
  backend::select(*comm->device);
  return comm;
}

cudaStream_t need(eqv_comm comm, eqv_stream stream, const char* function) {
  if (!stream) throw error(EQV_BAD_HANDLE, "%s: stream is null; it was never created or is already destroyed", function);
  if (stream->device != comm->device)
    throw error(EQV_BAD_ARGUMENT, "%s: the stream is of another device than the communicator", function);
  return static_cast<cudaStream_t>(backend::nccl_stream(*stream));
}

size_t need_size(int64_t n, const char* function) {
  if (n < 0) throw error(EQV_BAD_ARGUMENT, "%s: a size of %lld must not be negative", function, static_cast<long long>(n));
  return static_cast<size_t>(n);
}

// A call of NCCL that gives it work.
template <class F>
eqv_status give(eqv_comm comm, eqv_stream stream, const char* function, const char* name, F&& call) {
  return guard(function, [&] {
    need(comm, function);
    const cudaStream_t s = need(comm, stream, function);
    if (comm->failed)
      throw error(EQV_DEVICE_FAILED, "%s: NCCL has failed before in this rank; close the communicator", function);
    ++comm->calls;
    comm->last = name;
    call(s);
  });
}

// Whether NCCL has taken all work that it was given. Throws if something has failed since.
bool is_settled(eqv_comm comm) {
  ncclResult_t state = ncclSuccess;
  require(comm, comm->nccl->ncclCommGetAsyncError(comm->native, &state));
  require(comm, state);
  return state != ncclInProgress;
}

// Asks again and again, at first in quick succession. False when the time is up.
template <class F>
bool within(int64_t milliseconds, F&& condition) {
  const auto begin = Clock::now(), end = begin + std::chrono::milliseconds(milliseconds);
  while (!condition()) {
    const auto now = Clock::now();
    if (now >= end) return false;
    if (now - begin < std::chrono::microseconds(200))
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return true;
}

}  // namespace
}  // namespace eqv

using namespace eqv;

extern "C" {

eqv_status eqv_comm_version(int64_t* version) {
  return guard("comm_version", [&] { *version = EQV_COMM_VERSION; });
}

eqv_status eqv_comm_devices(int64_t* count) {
  return guard("comm_devices", [&] { *count = backend::count_devices(); });
}

eqv_status eqv_comm_load(const char* file, int64_t* version) {
  return guard("comm_load", [&] {
    int code = 0;
    open_nccl(file, &code);
    *version = code;
  });
}

eqv_status eqv_comm_id(void* id) {
  return guard("comm_id", [&] {
    ncclUniqueId made;
    static_assert(sizeof made == EQV_COMM_ID_BYTES);
    const ncclResult_t result = nccl().ncclGetUniqueId(&made);
    if (result != ncclSuccess)
      throw error(EQV_DEVICE_FAILED, "NCCL could not make an identifier: %s: %s",
                  one_line(nccl().ncclGetErrorString(result)).c_str(), one_line(nccl().ncclGetLastError(nullptr)).c_str());
    std::memcpy(id, &made, sizeof made);
  });
}

eqv_status eqv_comm_open(eqv_device device, const void* id, int64_t rank, int64_t size, eqv_comm* out) {
  return guard("comm_open", [&] {
    if (!device) throw error(EQV_BAD_HANDLE, "comm_open: device is null");
    if (!id) throw error(EQV_BAD_ARGUMENT, "comm_open: id is null");
    if (!out) throw error(EQV_BAD_ARGUMENT, "comm_open: out is null");
    if (size < 1 || size > kMostRanks)
      throw error(EQV_BAD_ARGUMENT, "comm_open: size is %lld; use 1 to %lld", static_cast<long long>(size),
                  static_cast<long long>(kMostRanks));
    if (rank < 0 || rank >= size)
      throw error(EQV_BAD_ARGUMENT, "comm_open: rank is %lld; use 0 to size - 1, which is %lld", static_cast<long long>(rank),
                  static_cast<long long>(size - 1));
    backend::select(*device);
    auto comm = std::make_unique<eqv_comm_s>();
    comm->device = device;
    comm->nccl = &nccl();
    comm->rank = static_cast<int>(rank);
    comm->size = static_cast<int>(size);
    ncclUniqueId given;
    std::memcpy(&given, id, sizeof given);
    ncclConfig_t config{};
    config.size = sizeof config;
    config.magic = kNcclMagic;
    config.version = kNcclOldest;
    config.blocking = 0;
    config.cgaClusterSize = config.minCTAs = config.maxCTAs = config.splitShare = kNcclUndefined;
    require(comm.get(), comm->nccl->ncclCommInitRankConfig(&comm->native, comm->size, given, comm->rank, &config));
    *out = comm.release();
  });
}

eqv_status eqv_comm_exchange(eqv_comm comm, eqv_stream stream, const int64_t* lists) {
  return give(comm, stream, "comm_exchange", "exchange", [&](cudaStream_t s) {
    const int n = comm->size;
    if (!lists) throw error(EQV_BAD_ARGUMENT, "comm_exchange: lists is null");
    for (int r = 0; r < n; ++r) need_size(lists[n + r], "comm_exchange"), need_size(lists[3 * n + r], "comm_exchange");
    require(comm, comm->nccl->ncclGroupStart());
    ncclResult_t result = ncclSuccess;
    for (int r = 0; r < n; ++r) {
      const auto add = [&](ncclResult_t one) {
        if (one != ncclSuccess && one != ncclInProgress && result == ncclSuccess) result = one;
      };
      if (lists[n + r] > 0)
        add(comm->nccl->ncclSend(reinterpret_cast<const void*>(lists[r]), static_cast<size_t>(lists[n + r]), ncclInt8, r,
                                 comm->native, s));
      if (lists[3 * n + r] > 0)
        add(comm->nccl->ncclRecv(reinterpret_cast<void*>(lists[2 * n + r]), static_cast<size_t>(lists[3 * n + r]), ncclInt8,
                                 r, comm->native, s));
    }
    const ncclResult_t end =
        comm->nccl->ncclGroupEnd();  // also after a failure, or the next group would be part of this one
    require(comm, result);
    require(comm, end);
  });
}

eqv_status eqv_comm_all_gather(eqv_comm comm, eqv_stream stream, const void* mine, void* all, int64_t bytes) {
  return give(comm, stream, "comm_all_gather", "all-gather", [&](cudaStream_t s) {
    require(comm, comm->nccl->ncclAllGather(mine, all, need_size(bytes, "comm_all_gather"), ncclInt8, comm->native, s));
  });
}

eqv_status eqv_comm_all_reduce(eqv_comm comm, eqv_stream stream, const void* mine, void* sum, int64_t floats) {
  return give(comm, stream, "comm_all_reduce", "all-reduce", [&](cudaStream_t s) {
    require(comm, comm->nccl->ncclAllReduce(mine, sum, need_size(floats, "comm_all_reduce"), ncclFloat32, ncclSum,
                                            comm->native, s));
  });
}

eqv_status eqv_comm_broadcast(eqv_comm comm, eqv_stream stream, void* data, int64_t bytes) {
  return give(comm, stream, "comm_broadcast", "broadcast", [&](cudaStream_t s) {
    require(comm, comm->nccl->ncclBroadcast(data, data, need_size(bytes, "comm_broadcast"), ncclInt8, 0, comm->native, s));
  });
}

eqv_status eqv_comm_wait(eqv_comm comm, eqv_stream stream, int64_t milliseconds, int64_t* done) {
  return guard("comm_wait", [&] {
    need(comm, "comm_wait");
    if (stream) need(comm, stream, "comm_wait");
    if (!done) throw error(EQV_BAD_ARGUMENT, "comm_wait: done is null");
    *done = within(milliseconds, [&] { return is_settled(comm) && (!stream || backend::is_done(*stream)); });
  });
}

eqv_status eqv_comm_close(eqv_comm comm, int64_t milliseconds) {
  return guard("comm_close", [&] {
    need(comm, "comm_close");
    const std::unique_ptr<eqv_comm_s> owner(comm);
    if (!comm->native) return;
    if (!comm->failed && milliseconds > 0) {
      try {
        require(comm, comm->nccl->ncclCommFinalize(comm->native));
        if (within(milliseconds, [&] { return is_settled(comm); }) &&
            comm->nccl->ncclCommDestroy(comm->native) == ncclSuccess)
          return;
      } catch (const Error&) {
        // Another rank has closed already, and waited no longer. What this rank waited for is done.
      }
    }
    comm->nccl->ncclCommAbort(comm->native);
  });
}

}  // extern "C"
