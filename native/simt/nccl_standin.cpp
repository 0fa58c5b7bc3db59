// A stand-in for libnccl, for tests without a GPU: ranks are processes or threads of one machine, and meet through Unix
// sockets. As NCCL does, it only begins work when it is called; work runs in the order of its stream, on threads of its own,
// and ends when the other ranks have done their part. It knows only communicators that never block. Unlike NCCL it notices
// when ranks do not make the same calls.
//
// EQV_NCCL_FAULT="KIND RANK CALL", or standin_fault, plants a fault: in that rank, at its so manieth call (0: the meeting).
//   refuse  the call returns an error        fail  its work fails later        hang  its work never ends
//   slow    its work begins late             die   the process is killed when its work begins
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "nccl/nccl_types.h"
// after the types
#include "nccl/nccl_constants.h"
#include "nccl/nccl_functions.h"
#include "shim_stream.h"

#define STANDIN_EXPORT __attribute__((visibility("default")))

namespace {

constexpr int kVersion = 22703;

struct Failure : std::runtime_error {
  Failure(ncclResult_t result, const std::string& text) : std::runtime_error(text), result(result) {}
  ncclResult_t result;
};

// ---- faults and errors --------------------------------------------------------------------------------------------

std::atomic<int64_t> all_calls{0};
std::mutex texts;
std::string planted_fault, last_error;

ncclResult_t say(ncclResult_t result, const std::string& text) {
  std::lock_guard lock(texts);
  last_error = text;
  return result;
}

struct Fault {
  std::string kind;
  int rank = -1;
  long call = -1;

  static Fault read() {
    std::lock_guard lock(texts);
    const char* variable = std::getenv("EQV_NCCL_FAULT");
    const std::string text = planted_fault.empty() && variable ? variable : planted_fault;
    Fault fault;
    char kind[16] = "";
    if (std::sscanf(text.c_str(), "%15s %d %ld", kind, &fault.rank, &fault.call) == 3) fault.kind = kind;
    return fault;
  }
  bool is(const char* what, int at_rank, long at_call) const { return kind == what && rank == at_rank && call == at_call; }
};

// ---- work ---------------------------------------------------------------------------------------------------------

enum class Kind : int32_t { kSend, kReceive, kAllGather, kAllReduce, kBroadcast };
const char* const kNames[] = {"send", "send", "all-gather", "all-reduce", "broadcast"};  // a receive is the other's send

struct Op {
  Kind kind;
  const void* in;
  void* out;
  size_t count;
  ncclDataType_t type;
  int peer;  // or the root
  size_t bytes() const { return count * (type == ncclFloat32 ? 4 : 1); }
};

struct Shared;

// What a call, or a group of them, has to do.
struct Work {
  std::shared_ptr<Shared> of;
  cudaStream_t stream = nullptr;
  std::vector<Op> ops;
  long call = 0;
  std::atomic<bool> begun{false}, ended{false};
};

// A communicator, as its threads and the work on streams know it.
struct Shared {
  int rank = 0, size = 0;
  std::string name;
  Fault fault;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<Work>> to_give, to_do;
  std::atomic<int> state{ncclInProgress};
  bool meeting = true, finishing = false;
  std::atomic<bool> aborted{false};
  std::vector<int> sockets;  // by rank; -1 for this one
};

// The beginning of a message: what the sender does, so that the receiver can compare.
struct Header {
  int32_t kind, type, root, padding;
  uint64_t bytes;
  bool operator==(const Header&) const = default;
};

std::string text_of(const Header& h) {
  if (h.kind < 0 || h.kind > static_cast<int>(Kind::kBroadcast)) return "the end";
  return std::string(kNames[h.kind]) + " of " + std::to_string(h.bytes) + " bytes";
}

constexpr Header kFarewell{-1, 0, 0, 0, 0};

// Bytes that go out or come in, in this order, after their header.
struct Piece {
  Header header;
  Header found{};  // what came instead of `header`
  char* data;
  size_t done = 0;
  bool whole() const { return done == sizeof(Header) + header.bytes; }
};

// Moves the pieces of all peers at once, so that no order of theirs makes ranks wait for each other.
class Exchange {
 public:
  explicit Exchange(Shared& s) : s_(s), out_(s.size), in_(s.size) {}

  void send(int peer, Header h, const void* data) {
    out_[peer].push_back({h, h, static_cast<char*>(const_cast<void*>(data))});
  }
  void receive(int peer, Header h, void* data) { in_[peer].push_back({h, {}, static_cast<char*>(data)}); }

  void run() {
    while (true) {
      std::vector<pollfd> all;
      std::vector<int> peers;
      for (int r = 0; r < s_.size; ++r) {
        const auto events = static_cast<short>((out_[r].empty() ? 0 : POLLOUT) | (in_[r].empty() ? 0 : POLLIN));
        if (events) all.push_back({s_.sockets[r], events, 0}), peers.push_back(r);
      }
      if (all.empty()) return;
      poll(all.data(), all.size(), 20);
      if (s_.aborted) throw Failure(ncclInternalError, "aborted");
      for (size_t i = 0; i < all.size(); ++i) {
        if (all[i].revents & POLLOUT) go_on(peers[i], out_[peers[i]], true);
        if (all[i].revents & (POLLIN | POLLHUP | POLLERR)) go_on(peers[i], in_[peers[i]], false);
      }
    }
  }

 private:
  void go_on(int peer, std::deque<Piece>& pieces, bool out) {
    while (!pieces.empty()) {
      Piece& p = pieces.front();
      const bool head = p.done < sizeof(Header);
      char* at = head ? reinterpret_cast<char*>(out ? &p.header : &p.found) + p.done : p.data + (p.done - sizeof(Header));
      const size_t left = head ? sizeof(Header) - p.done : p.header.bytes + sizeof(Header) - p.done;
      const ssize_t n = left == 0 ? 0
                        : out     ? ::send(s_.sockets[peer], at, left, MSG_NOSIGNAL | MSG_DONTWAIT)
                                  : recv(s_.sockets[peer], at, left, MSG_DONTWAIT);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (left > 0 && n <= 0) throw Failure(ncclRemoteError, "rank " + std::to_string(peer) + " is gone");
      p.done += static_cast<size_t>(n);
      if (!out && head && p.done == sizeof(Header) && p.found != p.header)
        throw Failure(ncclInvalidUsage, "rank " + std::to_string(peer) + " is at another call: there " + text_of(p.found) +
                                            ", here " + text_of(p.header));
      if (p.whole()) pieces.pop_front();
    }
  }

  Shared& s_;
  std::vector<std::deque<Piece>> out_, in_;
};

// As a ring does: each part of the numbers is summed from another rank on, so equal numbers may have different sums.
void sum_as_a_ring(const Op& op, const std::vector<std::vector<float>>& all) {
  const size_t size = all.size();
  for (size_t i = 0; i < op.count; ++i) {
    const size_t first = i * size / op.count + 1;
    float sum = all[first % size][i];
    for (size_t r = 1; r < size; ++r) sum += all[(first + r) % size][i];
    static_cast<float*>(op.out)[i] = sum;
  }
}

void execute(Shared& s, const Work& work) {
  if (s.fault.is("hang", s.rank, work.call))
    while (!s.aborted) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (s.fault.is("fail", s.rank, work.call)) throw Failure(ncclSystemError, "a planted fault");
  if (s.fault.is("slow", s.rank, work.call)) std::this_thread::sleep_for(std::chrono::milliseconds(300));
  if (s.fault.is("die", s.rank, work.call)) kill(getpid(), SIGKILL);
  Exchange exchange(s);
  std::deque<std::vector<std::vector<float>>> summands;
  for (const Op& op : work.ops) {
    const bool rooted = op.kind == Kind::kBroadcast, one = op.kind == Kind::kSend || op.kind == Kind::kReceive;
    const Header h{one ? 0 : static_cast<int32_t>(op.kind), op.type, rooted ? op.peer : 0, 0, op.bytes()};
    if (op.kind == Kind::kSend) exchange.send(op.peer, h, op.in);
    if (op.kind == Kind::kReceive) exchange.receive(op.peer, h, op.out);
    if (op.kind == Kind::kAllReduce) {
      const auto* mine = static_cast<const float*>(op.in);
      summands.emplace_back(s.size, std::vector<float>(mine, mine + op.count));
    }
    if (op.kind == Kind::kAllGather) std::memmove(static_cast<char*>(op.out) + s.rank * h.bytes, op.in, h.bytes);
    if (rooted && s.rank == op.peer && op.in != op.out) std::memmove(op.out, op.in, h.bytes);
    for (int r = 0; r < s.size && !one; ++r) {
      if (r == s.rank) continue;
      if (!rooted || s.rank == op.peer)
        exchange.send(r, h, op.kind == Kind::kAllReduce ? summands.back()[s.rank].data() : op.in);
      if (op.kind == Kind::kAllReduce) exchange.receive(r, h, summands.back()[r].data());
      if (op.kind == Kind::kAllGather) exchange.receive(r, h, static_cast<char*>(op.out) + r * h.bytes);
      if (rooted && r == op.peer) exchange.receive(r, h, op.out);
    }
  }
  exchange.run();
  size_t next = 0;
  for (const Op& op : work.ops)
    if (op.kind == Kind::kAllReduce) sum_as_a_ring(op, summands[next++]);
}

// ---- meeting ------------------------------------------------------------------------------------------------------

sockaddr_un address(const Shared& s, int rank) {
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  std::snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "eqv-nccl-%s-%d", s.name.c_str(),
                rank);  // no file: the first byte is 0
  return a;
}

void unless_aborted(const Shared& s) {
  if (s.aborted) throw Failure(ncclInternalError, "aborted");
}

// The first bytes of a connection: who it is, and of how many.
void exchange_names(Shared& s, int socket, int* other) {
  const int32_t mine[2] = {s.rank, s.size};
  int32_t theirs[2];
  if (send(socket, mine, sizeof mine, MSG_NOSIGNAL) != sizeof mine ||
      recv(socket, theirs, sizeof theirs, MSG_WAITALL) != sizeof theirs)
    throw Failure(ncclRemoteError, "a rank ended while ranks met");
  if (theirs[1] != s.size)
    throw Failure(ncclInvalidUsage, "rank " + std::to_string(theirs[0]) + " was told of " + std::to_string(theirs[1]) +
                                        " ranks, this one of " + std::to_string(s.size));
  *other = theirs[0];
}

void meet(Shared& s) {
  while (s.fault.is("hang", s.rank, 0)) unless_aborted(s), std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (s.fault.is("fail", s.rank, 0)) throw Failure(ncclSystemError, "a planted fault");
  if (s.fault.is("slow", s.rank, 0)) std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const int door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const std::shared_ptr<void> closes(nullptr, [door](void*) { close(door); });
  sockaddr_un own = address(s, s.rank);
  if (bind(door, reinterpret_cast<sockaddr*>(&own), sizeof own) != 0 || listen(door, s.size) != 0)
    throw Failure(ncclInvalidUsage, "two ranks say that they are rank " + std::to_string(s.rank));
  for (int r = 0; r < s.rank; ++r) {
    const int to = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un there = address(s, r);
    s.sockets[r] = to;
    while (connect(to, reinterpret_cast<sockaddr*>(&there), sizeof there) != 0)
      unless_aborted(s), std::this_thread::sleep_for(std::chrono::milliseconds(1));
    int other = 0;
    exchange_names(s, to, &other);
  }
  for (int missing = s.size - 1 - s.rank; missing > 0; --missing) {
    pollfd wait{door, POLLIN, 0};
    while (poll(&wait, 1, 20) <= 0) unless_aborted(s);
    const int from = accept4(door, nullptr, nullptr, SOCK_CLOEXEC);
    int other = 0;
    exchange_names(s, from, &other);
    s.sockets[other] = from;
  }
}

// ---- threads of a communicator ------------------------------------------------------------------------------------

void failed(Shared& s, const Failure& f) {
  say(f.result, f.what());
  s.state = f.result;
}

// Gives work to its stream, a moment after the call: work that others gave the stream before `state` says so may come first.
void give_all(const std::shared_ptr<Shared>& s) {
  std::unique_lock lock(s->mutex);
  while (true) {
    s->changed.wait(
        lock, [&] { return s->aborted || (s->finishing && s->to_give.empty()) || (!s->meeting && !s->to_give.empty()); });
    if (s->aborted || s->to_give.empty()) return;
    const std::shared_ptr<Work> work = s->to_give.front();
    s->to_do.push_back(work);
    lock.unlock();
    auto* stream = reinterpret_cast<ShimStream*>(work->stream);
    stream->give(
        stream, new std::shared_ptr<Work>(work),
        [](void* w) {
          Work& given = **static_cast<std::shared_ptr<Work>*>(w);
          std::lock_guard begins(given.of->mutex);
          given.begun = true;
          given.of->changed.notify_all();
        },
        [](void* w) {
          const Work& given = **static_cast<std::shared_ptr<Work>*>(w);
          return given.ended || given.of->aborted;
        },
        [](void* w) { delete static_cast<std::shared_ptr<Work>*>(w); });
    lock.lock();
    s->to_give.pop_front();
    if (s->to_give.empty()) {
      int taken = ncclInProgress;
      s->state.compare_exchange_strong(taken, ncclSuccess);
    }
    s->changed.notify_all();
  }
}

void do_all(const std::shared_ptr<Shared>& s) {
  try {
    meet(*s);
    std::unique_lock lock(s->mutex);
    s->meeting = false;
    s->state = ncclSuccess;
    s->changed.notify_all();
    while (true) {
      s->changed.wait(lock, [&] {
        return s->aborted || (!s->to_do.empty() && s->to_do.front()->begun) ||
               (s->finishing && s->to_do.empty() && s->to_give.empty());
      });
      if (s->aborted) return;
      if (s->to_do.empty()) break;
      const std::shared_ptr<Work> work = s->to_do.front();
      lock.unlock();
      execute(*s, *work);
      lock.lock();
      s->to_do.pop_front();
      work->ended = true;
    }
    lock.unlock();
    Exchange farewell(*s);
    for (int r = 0; r < s->size; ++r)
      if (r != s->rank) farewell.send(r, kFarewell, nullptr), farewell.receive(r, kFarewell, nullptr);
    farewell.run();
    s->state = ncclSuccess;
  } catch (const Failure& f) {
    if (!s->aborted) failed(*s, f);
  }
}

// The group that this thread has begun.
thread_local int depth = 0;
thread_local std::shared_ptr<Work> group;

}  // namespace

struct ncclComm {
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  std::thread gives, does;
  long calls = 0;
};

namespace {

ncclResult_t end_group(ncclComm_t comm) {
  const std::shared_ptr<Work> work = std::exchange(group, nullptr);
  if (!work || !comm) return ncclSuccess;
  Shared& s = *work->of;
  work->call = ++comm->calls;
  ++all_calls;
  if (s.fault.is("refuse", s.rank, work->call)) return say(ncclInternalError, "a planted fault");
  std::lock_guard lock(s.mutex);
  if (s.state != ncclSuccess && s.state != ncclInProgress) return static_cast<ncclResult_t>(s.state.load());
  s.state = ncclInProgress;
  s.to_give.push_back(work);
  s.changed.notify_all();
  return ncclInProgress;
}

thread_local ncclComm_t group_comm = nullptr;

ncclResult_t add(ncclComm_t comm, cudaStream_t stream, const Op& op) {
  if (!comm || !stream) return say(ncclInvalidArgument, "a null communicator or stream");
  const Shared& s = *comm->shared;
  if (op.peer < 0 || op.peer >= s.size || ((op.kind == Kind::kSend || op.kind == Kind::kReceive) && op.peer == s.rank))
    return say(ncclInvalidArgument, "rank " + std::to_string(op.peer) + " is not another one of " + std::to_string(s.size));
  if (s.state == ncclInProgress && !group)
    return say(ncclInvalidUsage, "a call while an earlier one is in progress: ask ncclCommGetAsyncError first");
  if (!group) {
    group = std::make_shared<Work>();
    group->of = comm->shared;
    group->stream = stream;
    group_comm = comm;
  }
  if (group->of != comm->shared || group->stream != stream)
    return say(ncclInvalidUsage, "the stand-in has groups of one communicator and stream only");
  group->ops.push_back(op);
  return depth == 0 ? end_group(comm) : ncclSuccess;
}

// Waits for the threads and closes everything.
void end(ncclComm_t comm) {
  Shared& s = *comm->shared;
  comm->gives.join();
  comm->does.join();
  for (int socket : s.sockets)
    if (socket >= 0) close(socket);
  delete comm;
}

}  // namespace

extern "C" {

// Plants a fault in the communicators that are opened from now on; an empty text for none.
STANDIN_EXPORT void standin_fault(const char* text) {
  std::lock_guard lock(texts);
  planted_fault = text;
}

// The calls, or groups of them, that all communicators of this process were given so far.
STANDIN_EXPORT int64_t standin_calls() { return all_calls; }

STANDIN_EXPORT ncclResult_t ncclGetVersion(int* version) { return *version = kVersion, ncclSuccess; }

STANDIN_EXPORT ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  unsigned char random[16];
  if (getrandom(random, sizeof random, 0) != sizeof random) return say(ncclSystemError, "no random numbers");
  std::memset(id, 0, sizeof *id);
  for (size_t i = 0; i < sizeof random; ++i) std::snprintf(id->internal + 2 * i, 3, "%02x", random[i]);
  return ncclSuccess;
}

STANDIN_EXPORT ncclResult_t ncclCommInitRankConfig(ncclComm_t* out, int ranks, ncclUniqueId id, int rank,
                                                   ncclConfig_t* config) {
  if (!config || config->magic != eqv::kNcclMagic || config->size < offsetof(ncclConfig_t, netName) || config->blocking != 0)
    return say(ncclInvalidArgument, "the stand-in needs a configuration with blocking = 0");
  if (ranks < 1 || rank < 0 || rank >= ranks) return say(ncclInvalidArgument, "no such rank");
  auto* comm = new ncclComm();
  Shared& s = *comm->shared;
  s.rank = rank;
  s.size = ranks;
  s.name.assign(id.internal, 32);
  s.fault = Fault::read();
  s.sockets.assign(static_cast<size_t>(ranks), -1);
  if (s.fault.is("refuse", rank, 0)) {
    delete comm;
    *out = nullptr;
    return say(ncclInternalError, "a planted fault");
  }
  comm->gives = std::thread(give_all, comm->shared);
  comm->does = std::thread(do_all, comm->shared);
  *out = comm;
  return ncclInProgress;
}

STANDIN_EXPORT ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  Shared& s = *comm->shared;
  std::lock_guard lock(s.mutex);
  if (s.state != ncclSuccess) return static_cast<ncclResult_t>(s.state.load());
  s.finishing = true;
  s.state = ncclInProgress;
  s.changed.notify_all();
  return ncclInProgress;
}

STANDIN_EXPORT ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  if (!comm->shared->finishing || comm->shared->state != ncclSuccess)
    return say(ncclInvalidUsage, "ncclCommDestroy before ncclCommFinalize was done");
  end(comm);
  return ncclSuccess;
}

STANDIN_EXPORT ncclResult_t ncclCommAbort(ncclComm_t comm) {
  Shared& s = *comm->shared;
  {
    std::lock_guard lock(s.mutex);
    s.aborted = true;
    s.changed.notify_all();
  }
  end(comm);
  return ncclSuccess;
}

STANDIN_EXPORT ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* error) {
  *error = static_cast<ncclResult_t>(comm->shared->state.load());
  return ncclSuccess;
}

STANDIN_EXPORT const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error";
    case ncclSystemError:
      return "unhandled system error";
    case ncclInternalError:
      return "internal error";
    case ncclInvalidArgument:
      return "invalid argument";
    case ncclInvalidUsage:
      return "invalid usage";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
  }
  return "unknown result code";
}

STANDIN_EXPORT const char* ncclGetLastError(ncclComm_t) {
  thread_local std::string copy;
  std::lock_guard lock(texts);
  return (copy = last_error).c_str();
}

STANDIN_EXPORT ncclResult_t ncclGroupStart() { return ++depth, ncclSuccess; }
STANDIN_EXPORT ncclResult_t ncclGroupEnd() {
  return --depth == 0 ? end_group(std::exchange(group_comm, nullptr)) : ncclSuccess;
}

STANDIN_EXPORT ncclResult_t ncclSend(const void* data, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                                     cudaStream_t stream) {
  return add(comm, stream, {Kind::kSend, data, nullptr, count, type, peer});
}

STANDIN_EXPORT ncclResult_t ncclRecv(void* data, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                                     cudaStream_t stream) {
  return add(comm, stream, {Kind::kReceive, nullptr, data, count, type, peer});
}

STANDIN_EXPORT ncclResult_t ncclAllGather(const void* mine, void* all, size_t count, ncclDataType_t type, ncclComm_t comm,
                                          cudaStream_t stream) {
  return add(comm, stream, {Kind::kAllGather, mine, all, count, type, 0});
}

STANDIN_EXPORT ncclResult_t ncclAllReduce(const void* mine, void* sum, size_t count, ncclDataType_t type, ncclRedOp_t op,
                                          ncclComm_t comm, cudaStream_t stream) {
  if (type != ncclFloat32 || op != ncclSum) return say(ncclInvalidArgument, "the stand-in sums floats only");
  return add(comm, stream, {Kind::kAllReduce, mine, sum, count, type, 0});
}

STANDIN_EXPORT ncclResult_t ncclBroadcast(const void* from, void* to, size_t count, ncclDataType_t type, int root,
                                          ncclComm_t comm, cudaStream_t stream) {
  return add(comm, stream, {Kind::kBroadcast, from, to, count, type, root});
}

}  // extern "C"
