// Devices, streams and memory: the same for every backend but for the few hooks in backend.h.
#include <cstring>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "journal.h"
#include "profile.h"
#include "status.h"

namespace eqv {
namespace {

// The stream that this thread captures. During a capture only this thread is restricted.
thread_local Stream* captured = nullptr;

// Refuses a call that cannot be part of a graph, and marks the capture as spoiled: its graph would lack that call.
void refuse_while_capturing(const Device& device, const char* function, const char* advice) {
  if (!captured || captured->device != &device) return;
  captured->spoiled = function;
  throw error(EQV_BAD_ARGUMENT, "%s: not allowed while a stream is captured, because a graph cannot repeat it; %s", function,
              advice);
}

// Sizes of allocated blocks, so that release and the statistics need no size from the caller.
std::mutex blocks_mutex;
std::unordered_map<void*, int64_t>& blocks() {
  static auto* map = new std::unordered_map<void*, int64_t>();  // never destroyed: calls may come at exit
  return *map;
}

const Device& device_of(const Device& device) { return device; }
const Device& device_of(const Stream& stream) { return *stream.device; }
const Device& device_of(const Graph& graph) { return *graph.device; }

// The handle, whose device is now the calling thread's.
template <class Handle>
Handle need(Handle handle, const char* function, const char* name) {
  if (!handle) throw error(EQV_BAD_HANDLE, "%s: %s is null; it was never opened or is already closed", function, name);
  backend::select(device_of(*handle));
  return handle;
}

void need_address(const void* address, const char* function, const char* name) {
  if (!address) throw error(EQV_BAD_ARGUMENT, "%s: %s is null", function, name);
}

void need_size(int64_t bytes, const char* function) {
  if (bytes < 0)
    throw error(EQV_BAD_ARGUMENT, "%s: bytes is %lld; it must not be negative", function, static_cast<long long>(bytes));
}

template <class T>
T& need_struct(T* value, const char* function, const char* name) {
  need_address(value, function, name);
  if (value->struct_size != sizeof(T))
    throw error(EQV_BAD_ARGUMENT, "%s: %s.struct_size is %u, expected %zu: caller and library disagree on the ABI",
                function, name, value->struct_size, sizeof(T));
  return *value;
}

// Work that is no operation, timed as a whole.
template <class F>
void timed(Stream& stream, const char* name, int64_t bytes, F&& work) {
  ProfiledCall call;
  call.begin(stream, name, true);
  work();
  if (call) call.bytes(static_cast<double>(bytes));
  call.done(-1);
}

// Ends the capture. From now on the stream runs its operations again, even if the backend throws.
void* finish_capture(Stream& stream, bool keep) {
  stream.capturing = false;
  captured = nullptr;
  return backend::end_capture(stream, keep);
}

}  // namespace

void* allocate(Device& device, int64_t bytes, const char* purpose) {
  need_size(bytes, purpose);
  void* data = backend::raw_allocate(device, bytes > 0 ? bytes : 1);
  if (!data)
    throw error(EQV_OUT_OF_MEMORY,
                "%s: %lld bytes could not be allocated (%lld bytes are in use on this device); use a smaller batch, "
                "a lower resolution or activation recomputation",
                purpose, static_cast<long long>(bytes), static_cast<long long>(device.live_bytes.load()));
  {
    std::lock_guard lock(blocks_mutex);
    blocks()[data] = bytes;
  }
  const int64_t live = device.live_bytes += bytes;
  for (int64_t peak = device.peak_bytes; live > peak && !device.peak_bytes.compare_exchange_weak(peak, live);) {
  }
  ++device.live_blocks;
  ++device.total_blocks;
  return data;
}

void release(Device& device, void* data) {
  if (!data) return;
  int64_t bytes;
  {
    std::lock_guard lock(blocks_mutex);
    auto it = blocks().find(data);
    if (it == blocks().end())
      throw error(EQV_BAD_ARGUMENT, "free: %p was not allocated by eqv_alloc or is already freed", data);
    bytes = it->second;
    blocks().erase(it);
  }
  device.live_bytes -= bytes;
  --device.live_blocks;
  backend::raw_release(device, data, bytes);
}

void* scratch(Stream& stream, int64_t bytes) {
  if (stream.clock && journals()) journal("scratch\t%lld", static_cast<long long>(bytes));
  if (bytes > stream.scratch_bytes) {
    refuse_while_capturing(*stream.device, "scratch memory",
                           "run the same operations once before, or reserve it with eqv_stream_reserve");
    backend::sync(stream);  // work in flight may still use the old block
    release(*stream.device, stream.scratch);
    stream.scratch = nullptr;
    stream.scratch_bytes = 0;
    // Rounded up to whole MiB, so that slightly larger shapes do not make it grow again.
    constexpr int64_t kMiB = int64_t{1} << 20;
    const int64_t rounded = bytes < INT64_MAX - kMiB ? (bytes + kMiB - 1) / kMiB * kMiB : bytes;
    stream.scratch = allocate(*stream.device, rounded, "scratch memory");
    stream.scratch_bytes = rounded;
  }
  return stream.scratch;
}

}  // namespace eqv

using namespace eqv;

extern "C" {

eqv_status eqv_noop(void) { return EQV_OK; }

eqv_status eqv_device_open(int32_t ordinal, int32_t threads, eqv_device* out) {
  return guard("device_open", [&] {
    need_address(out, "device_open", "out");
    if (ordinal < 0 || threads < 0)
      throw error(EQV_BAD_ARGUMENT, "device_open: ordinal %d and threads %d must not be negative", ordinal, threads);
    auto device = std::make_unique<Device>();
    device->ordinal = ordinal;
    device->threads = threads;
    backend::open(*device);
    *out = device.release();
  });
}

eqv_status eqv_device_close(eqv_device device) {
  return guard("device_close", [&] {
    need(device, "device_close", "device");
    const int64_t blocks_left = device->live_blocks;
    const int64_t bytes_left = device->live_bytes;
    if (device->live_graphs)
      throw error(EQV_BAD_ARGUMENT, "device_close: %lld graphs are still there; destroy them first",
                  static_cast<long long>(device->live_graphs.load()));
    if (device->live_streams)
      throw error(EQV_BAD_ARGUMENT, "device_close: %lld streams are still there; destroy them first",
                  static_cast<long long>(device->live_streams.load()));
    if (blocks_left)
      throw error(EQV_BAD_ARGUMENT, "device_close: %lld blocks (%lld bytes) are still allocated; close arenas first",
                  static_cast<long long>(blocks_left), static_cast<long long>(bytes_left));
    delete device;
  });
}

eqv_status eqv_device_describe(eqv_device device, eqv_device_info* info) {
  return guard("device_describe", [&] {
    need(device, "device_describe", "device");
    auto& out = need_struct(info, "device_describe", "info");
    std::memset(&out, 0, sizeof out);
    out.struct_size = sizeof out;
    out.executes = 1;
    out.graphs = backend::captures();
    out.architecture = device->architecture;
    out.compute_dtype = backend::compute_dtype();
    backend::describe(*device, out);
  });
}

eqv_status eqv_device_memory(eqv_device device, eqv_memory_stats* stats) {
  return guard("device_memory", [&] {
    need(device, "device_memory", "device");
    auto& out = need_struct(stats, "device_memory", "stats");
    out.live_bytes = device->live_bytes;
    out.live_blocks = device->live_blocks;
    out.total_blocks = device->total_blocks;
    out.cached_plans = device->cached_plans;
    out.peak_bytes = device->peak_bytes;
  });
}

eqv_status eqv_alloc(eqv_device device, int64_t bytes, void** out) {
  return guard("alloc", [&] {
    need(device, "alloc", "device");
    need_address(out, "alloc", "out");
    refuse_while_capturing(*device, "alloc", "allocate before");
    *out = allocate(*device, bytes, "alloc");
  });
}

eqv_status eqv_free(eqv_device device, void* data) {
  return guard("free", [&] {
    need(device, "free", "device");
    refuse_while_capturing(*device, "free", "free after eqv_capture_end");
    release(*device, data);
  });
}

eqv_status eqv_stream_create(eqv_device device, eqv_stream* out) {
  return guard("stream_create", [&] {
    need(device, "stream_create", "device");
    need_address(out, "stream_create", "out");
    auto stream = std::make_unique<Stream>();
    stream->device = device;
    backend::open_stream(*stream);
    ++device->live_streams;
    *out = stream.release();
  });
}

eqv_status eqv_stream_destroy(eqv_stream stream) {
  return guard("stream_destroy", [&] {
    need(stream, "stream_destroy", "stream");
    if (stream->capturing) finish_capture(*stream, false);
    backend::sync(*stream);
    release(*stream->device, stream->scratch);
    backend::close_stream(*stream);
    --stream->device->live_streams;
    delete stream;
  });
}

eqv_status eqv_stream_sync(eqv_stream stream) {
  return guard("stream_sync", [&] {
    need(stream, "stream_sync", "stream");
    refuse_while_capturing(*stream->device, "stream_sync", "wait after the graph's launch");
    backend::sync(*stream);
  });
}

eqv_status eqv_stream_wait(eqv_stream stream, eqv_stream other) {
  return guard("stream_wait", [&] {
    need(stream, "stream_wait", "stream");
    need(other, "stream_wait", "other");
    if (stream->device != other->device)
      throw error(EQV_BAD_ARGUMENT, "stream_wait: the streams are of different devices; use eqv_stream_sync on the other");
    refuse_while_capturing(*stream->device, "stream_wait", "wait before eqv_capture_begin");
    backend::wait(*stream, *other);
  });
}

eqv_status eqv_stream_math(eqv_stream stream, int64_t math) {
  return guard("stream_math", [&] {
    need(stream, "stream_math", "stream");
    if (math != EQV_MATH_FP32 && math != EQV_MATH_TF32 && math != EQV_MATH_BF16)
      throw error(EQV_BAD_ARGUMENT, "stream_math: math is %lld, must be EQV_MATH_FP32, EQV_MATH_TF32 or EQV_MATH_BF16",
                  static_cast<long long>(math));
    if (math != EQV_MATH_FP32 && !backend::multiplies_in(math))
      throw error(EQV_UNSUPPORTED, "stream_math: this device does not multiply fp32 matrices in %s; use EQV_MATH_FP32",
                  math == EQV_MATH_TF32 ? "TF32" : "bf16");
    stream->tf32 = math == EQV_MATH_TF32;
    stream->bf16 = math == EQV_MATH_BF16;
  });
}

eqv_status eqv_stream_reserve(eqv_stream stream, int64_t bytes) {
  return guard("stream_reserve", [&] { scratch(*need(stream, "stream_reserve", "stream"), bytes); });
}

eqv_status eqv_stream_scratch(eqv_stream stream, int64_t* bytes) {
  return guard("stream_scratch", [&] {
    need(stream, "stream_scratch", "stream");
    need_address(bytes, "stream_scratch", "bytes");
    *bytes = stream->scratch_bytes;
  });
}

eqv_status eqv_host_alloc(eqv_device device, int64_t bytes, void** out) {
  return guard("host_alloc", [&] {
    need(device, "host_alloc", "device");
    need_address(out, "host_alloc", "out");
    need_size(bytes, "host_alloc");
    refuse_while_capturing(*device, "host_alloc", "allocate before");
    *out = backend::raw_host_allocate(*device, bytes > 0 ? bytes : 1);
    if (!*out)
      throw error(EQV_OUT_OF_MEMORY, "host_alloc: %lld bytes of host memory could not be allocated; use a smaller batch",
                  static_cast<long long>(bytes));
  });
}

eqv_status eqv_host_free(eqv_device device, void* data) {
  return guard("host_free", [&] {
    need(device, "host_free", "device");
    refuse_while_capturing(*device, "host_free", "free after eqv_capture_end");
    if (data) backend::raw_host_release(*device, data);
  });
}

eqv_status eqv_copy_in(eqv_stream stream, void* device_data, const void* host, int64_t bytes) {
  return guard("copy_in", [&] {
    need(stream, "copy_in", "stream");
    need_size(bytes, "copy_in");
    if (bytes > 0) need_address(device_data, "copy_in", "device_data"), need_address(host, "copy_in", "host");
    refuse_while_capturing(*stream->device, "copy_in", "copy before eqv_capture_begin or before the graph's launch");
    timed(*stream, "copy_in", bytes, [&] { backend::copy_in(*stream, device_data, host, bytes); });
  });
}

eqv_status eqv_copy_out(eqv_stream stream, void* host, const void* device_data, int64_t bytes) {
  return guard("copy_out", [&] {
    need(stream, "copy_out", "stream");
    need_size(bytes, "copy_out");
    if (bytes > 0) need_address(host, "copy_out", "host"), need_address(device_data, "copy_out", "device_data");
    refuse_while_capturing(*stream->device, "copy_out", "read after the graph's launch");
    timed(*stream, "copy_out", bytes, [&] { backend::copy_out(*stream, host, device_data, bytes); });
  });
}

eqv_status eqv_capture_begin(eqv_stream stream) {
  return guard("capture_begin", [&] {
    need(stream, "capture_begin", "stream");
    if (!backend::captures())
      throw error(EQV_UNSUPPORTED, "capture_begin: this device has no graphs; run the operations as they come");
    if (stream->device->profiled)
      throw error(EQV_UNSUPPORTED, "capture_begin: this device is profiled, and the kernels of a graph have no times of their "
                  "own; run the operations as they come, or call eqv_profile_end before");
    if (captured)
      throw error(EQV_BAD_ARGUMENT, "capture_begin: this thread is capturing a stream already; end that with eqv_capture_end");
    backend::begin_capture(*stream);
    stream->capturing = true;
    stream->spoiled = nullptr;
    captured = stream;
  });
}

eqv_status eqv_capture_end(eqv_stream stream, eqv_graph* out) {
  return guard("capture_end", [&] {
    need(stream, "capture_end", "stream");
    if (!stream->capturing) throw error(EQV_BAD_ARGUMENT, "capture_end: there was no eqv_capture_begin on this stream");
    if (captured != stream)
      throw error(EQV_BAD_ARGUMENT, "capture_end: another thread began this capture; end it there");
    const char* spoiled = stream->spoiled;
    void* native = finish_capture(*stream, out && !spoiled);
    if (out && spoiled)
      throw error(EQV_BAD_ARGUMENT, "capture_end: there is no graph, because %s was refused during the capture; capture "
                  "again without it", spoiled);
    if (!out) return;
    auto graph = std::make_unique<Graph>();
    graph->device = stream->device;
    graph->scratch = stream->scratch;
    graph->native = native;
    ++stream->device->live_graphs;
    *out = graph.release();
  });
}

eqv_status eqv_graph_launch(eqv_graph graph, eqv_stream stream) {
  return guard("graph_launch", [&] {
    need(graph, "graph_launch", "graph");
    need(stream, "graph_launch", "stream");
    if (graph->device != stream->device)
      throw error(EQV_BAD_ARGUMENT, "graph_launch: graph and stream are of different devices; capture it on this one");
    if (graph->scratch != stream->scratch)
      throw error(EQV_BAD_ARGUMENT, "graph_launch: the stream's scratch memory is not where it was when the graph was "
                  "captured; capture it again on this stream");
    refuse_while_capturing(*stream->device, "graph_launch", "graphs do not nest");
    timed(*stream, "graph_launch", 0, [&] { backend::launch_graph(*stream, graph->native); });
  });
}

eqv_status eqv_graph_destroy(eqv_graph graph) {
  return guard("graph_destroy", [&] {
    need(graph, "graph_destroy", "graph");
    refuse_while_capturing(*graph->device, "graph_destroy", "destroy after eqv_capture_end");
    backend::destroy_graph(*graph->device, graph->native);
    --graph->device->live_graphs;
    delete graph;
  });
}

eqv_status eqv_profile_begin(eqv_device device) {
  return guard("profile_begin", [&] {
    need(device, "profile_begin", "device");
    refuse_while_capturing(*device, "profile_begin", "begin before eqv_capture_begin");
    if (!device->profile) device->profile = std::make_shared<Profile>();
    device->profile->begin();
    device->profiled = true;
  });
}

eqv_status eqv_profile_read(eqv_device device, eqv_profile_summary* summary) {
  return guard("profile_read", [&] {
    need(device, "profile_read", "device");
    auto& out = need_struct(summary, "profile_read", "summary");
    refuse_while_capturing(*device, "profile_read", "read after eqv_capture_end");
    std::memset(&out, 0, sizeof out);
    out.struct_size = sizeof out;
    backend::ceilings(*device, out);
    if (device->profile) device->profile->read(out);
  });
}

eqv_status eqv_profile_get(eqv_device device, int64_t index, eqv_profile_row* row) {
  return guard("profile_get", [&] {
    need(device, "profile_get", "device");
    auto& out = need_struct(row, "profile_get", "row");
    if (!device->profile || !device->profile->get(index, out))
      throw error(EQV_BAD_ARGUMENT, "profile_get: there is no row %lld; eqv_profile_read says how many there are",
                  static_cast<long long>(index));
  });
}

eqv_status eqv_profile_end(eqv_device device) {
  return guard("profile_end", [&] {
    need(device, "profile_end", "device");
    if (device->profile) device->profile->end();
    device->profiled = false;
  });
}

}  // extern "C"
