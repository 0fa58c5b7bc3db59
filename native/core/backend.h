// What a backend library implements. core/api validates every argument once, for all backends, and then calls
// these functions; a backend may rely on shapes, dtypes and contiguity being right.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include "eqv.h"

namespace eqv {

class Profile;

// Is told of each kernel of a call that is timed: core/profile.h.
class KernelClock {
 public:
  virtual void begin(const char* kernel, bool helper) = 0;
  virtual void end() = 0;

 protected:
  ~KernelClock() = default;
};

}  // namespace eqv

struct eqv_device_s {
  int32_t ordinal = 0;
  int32_t threads = 1;
  int32_t architecture = 0;  // of a GPU: 80 for sm_80 …
  std::atomic<int64_t> live_bytes{0}, live_blocks{0}, total_blocks{0}, cached_plans{0}, peak_bytes{0}, live_graphs{0},
      live_streams{0};
  std::atomic<bool> profiled{false};      // calls are timed: eqv_profile_begin
  std::shared_ptr<eqv::Profile> profile;  // made before `profiled` is set for the first time
};

struct eqv_stream_s {
  eqv_device device = nullptr;
  void* scratch = nullptr;      // the stream's scratch arena; see scratch() below
  int64_t scratch_bytes = 0;
  void* native = nullptr;       // the backend's own handle, if it has one
  bool tf32 = false;            // products of fp32 matrices on tensor cores: eqv_stream_math
  bool bf16 = false;            // products of fp32 matrices with factors in bf16, on a processor: eqv_stream_math
  void* event = nullptr;        // the backend's own event, for streams that wait for this one
  bool capturing = false;
  const char* spoiled = nullptr;  // the call that was refused since the capture began
  eqv::KernelClock* clock = nullptr;  // of the call that runs now, if it is timed
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

// Around each kernel, or other piece of work that has a name. `helper`: it only brings tensors into another layout.
inline void begin_kernel(Stream& stream, const char* kernel, bool helper = false) {
  if (stream.clock) stream.clock->begin(kernel, helper);
}
inline void end_kernel(Stream& stream) {
  if (stream.clock) stream.clock->end();
}

namespace backend {

// The dtype this backend computes in, and whether it can also compute in `dtype`.
int32_t compute_dtype();
bool computes_in(int32_t dtype);
// Whether this backend can multiply fp32 matrices so: EQV_MATH_TF32 or EQV_MATH_BF16.
bool multiplies_in(int64_t math);

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

// A point in the work of a stream, for the profile: the time, or an event of the backend's own.
struct Mark {
  double seconds = 0;
  void* event = nullptr;
};
// Whether an operation's time is the sum of its kernels'. Else it is that between its beginning and its end.
bool times_kernels();
Mark mark(Stream&);
double seconds_between(const Mark& begin, const Mark& end);  // waits until the work has come to `end`
void release(const Mark&) noexcept;
// What the device can do at most; leaves at 0 what is unknown.
void ceilings(const Device&, eqv_profile_summary&);

// eqv_adam is these two functions, eqv_pack_weights is the second one. Each other operation is one function, included below.
void adam(Stream&, const eqv_adam_params&, const Tensor& schedule, const Tensor* squares, const Tensor* skip,
          const Tensor& w, const Tensor& g, const Tensor& m, const Tensor& v, const Tensor* average);
// Only called for devices with an architecture.
void pack_weights(Stream&, const Tensor& layout, const Tensor& values, const Tensor* skip, const Tensor& packed);

}  // namespace backend
}  // namespace eqv

#include "backend_operations.h"
