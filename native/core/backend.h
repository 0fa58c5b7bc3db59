// What a backend library implements. core/api validates every argument once, for all backends, and then calls
// these functions; a backend may rely on shapes, dtypes and contiguity being right.
#pragma once

#include <atomic>
#include <cstddef>

#include "eqv.h"

struct eqv_device_s {
  int32_t ordinal = 0;
  int32_t threads = 1;
  int32_t architecture = 0;  // of a GPU: 80 for sm_80 …
  std::atomic<int64_t> live_bytes{0}, live_blocks{0}, total_blocks{0}, cached_plans{0}, peak_bytes{0}, live_graphs{0},
      live_streams{0};
};

struct eqv_stream_s {
  eqv_device device = nullptr;
  void* scratch = nullptr;      // the stream's scratch arena; see scratch() below
  int64_t scratch_bytes = 0;
  void* native = nullptr;       // the backend's own handle, if it has one
  bool tf32 = false;            // products of fp32 matrices on tensor cores: eqv_stream_math
  void* event = nullptr;        // the backend's own event, for streams that wait for this one
  bool capturing = false;
  const char* spoiled = nullptr;  // the call that was refused since the capture began
};

struct eqv_graph_s {
  eqv_device device = nullptr;
  void* scratch = nullptr;  // where the stream's scratch arena was
  void* native = nullptr;
};

namespace eqv {

using Stream = eqv_stream_s;
using Device = eqv_device_s;
using Graph = eqv_graph_s;
using Tensor = eqv_tensor;

// In core/device.cpp. The memory is counted in the device's statistics.
void* allocate(Device&, int64_t bytes, const char* purpose);
void release(Device&, void* data);
// At least `bytes` of scratch memory, 64-byte aligned, valid until the next call on this stream. Grows only when a
// call needs more than any before it. The content is undefined.
void* scratch(Stream&, int64_t bytes);

namespace backend {

// The dtype this backend computes in, and whether it can also compute in `dtype`.
int32_t compute_dtype();
bool computes_in(int32_t dtype);
// Whether this backend has EQV_MATH_TF32.
bool has_tf32();

void open(Device&);                                      // throws Error(EQV_NO_DEVICE) with the reason
void describe(const Device&, eqv_device_info&);
// Selects this device for the calling thread. Core calls it in every function of eqv.h, before the functions below: calls
// may come from any thread, and a thread that has selected another device would send its work there.
void select(const Device&);
void* raw_allocate(Device&, int64_t bytes);              // nullptr when there is no memory
void raw_release(Device&, void* data, int64_t bytes);
void open_stream(Stream&);   // may set native
void close_stream(Stream&);
void sync(Stream&);
void wait(Stream&, Stream& other);
// Host memory for asynchronous copies from and to the device.
void* raw_host_allocate(Device&, int64_t bytes);
void raw_host_release(Device&, void* data);
void copy_in(Stream&, void* device_data, const void* host, int64_t bytes);
void copy_out(Stream&, void* host, const void* device_data, int64_t bytes);

// Graphs. A backend without them includes host_only.h.
bool captures();
void begin_capture(Stream&);
void* end_capture(Stream&, bool keep);  // the backend's handle of the recording; nullptr if not `keep`
void launch_graph(Stream&, void* graph);
void destroy_graph(Device&, void* graph);

// eqv_adam is these two functions, eqv_pack_weights is the second one. Each other operation is one function, included below.
void adam(Stream&, const eqv_adam_params&, const Tensor& schedule, const Tensor* squares, const Tensor* skip,
          const Tensor& w, const Tensor& g, const Tensor& m, const Tensor& v, const Tensor* average);
// Only called for devices with an architecture.
void pack_weights(Stream&, const Tensor& layout, const Tensor& values, const Tensor* skip, const Tensor& packed);

}  // namespace backend
}  // namespace eqv

#include "backend_operations.h"
