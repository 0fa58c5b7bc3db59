// The planner: the CUDA backend's own code up to its launches, which do nothing. So it validates like every backend, and
// the scratch memory it requests is what a GPU's operations will request. Memory is a range of addresses that is never
// accessed: the plan of a model of any size costs milliseconds.
#include <cstdio>
#include <cstring>

#include "common/hopper.h"
#include "host_only.h"
#include "journal.h"

namespace eqv::gpu {

int64_t wave(const Stream& stream) { return int64_t{8} * stream.device->threads; }
void check_launch(const char*) {}
void planned_tiles(Stream& stream, int64_t bytes, int64_t copies) {
  if (stream.clock && journals())
    journal("tiles\t%lld\t%lld", static_cast<long long>(bytes), static_cast<long long>(copies));
}
void planned(Stream& stream, const char* kernel, unsigned cluster, dim3 grid, dim3 block, size_t shared_bytes) {
  if (stream.clock && journals())
    journal("launch\t%s\t%u\t%llu\t%u\t%zu", kernel, cluster, 1ULL * grid.x * grid.y * grid.z, block.x * block.y * block.z,
            shared_bytes);
}
uint64_t* wait_report() { return nullptr; }
TensorMap matrix_map(const void*, int64_t, int64_t, int) { return {}; }
TensorMap pixels_map(const void*, int, int, int, int, PixelRange, int, int) { return {}; }
TensorMap image_map(const void*, int, int, int, int, int, int) { return {}; }

}  // namespace eqv::gpu

namespace eqv::backend {

int32_t compute_dtype() { return EQV_F32; }
bool computes_in(int32_t dtype) { return dtype == EQV_F32 || dtype == EQV_BF16; }
bool multiplies_in(int64_t) { return true; }

// The ordinal is the architecture to plan for, as in sm_90; the threads are its multiprocessors.
void open(Device& device) {
  device.architecture = device.ordinal == 0 ? 80 : device.ordinal;
  if (device.threads == 0) device.threads = 132;
}

void describe(const Device& device, eqv_device_info& info) {
  info.threads = device.threads;
  info.executes = 0;
  std::snprintf(info.name, sizeof info.name, "planner (no execution)");
  std::snprintf(info.detail, sizeof info.detail, "validates arguments, counts memory, as sm_%d with %d multiprocessors",
                device.architecture, device.threads);
}

void* raw_allocate(Device&, int64_t bytes) {
  static std::atomic<uintptr_t> next{uintptr_t{1} << 20};
  const uintptr_t size = (static_cast<uintptr_t>(bytes) + 255) / 256 * 256;
  return reinterpret_cast<void*>(next.fetch_add(size));
}

void raw_release(Device&, void*, int64_t) {}
void open_stream(Stream&) {}
void close_stream(Stream&) {}
void sync(Stream&) {}
void copy_in(Stream&, void*, const void*, int64_t) {}
void copy_out(Stream&, void* host, const void*, int64_t bytes) { std::memset(host, 0, static_cast<size_t>(bytes)); }

}  // namespace eqv::backend
