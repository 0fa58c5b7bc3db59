// The shim as a device: memory of the host, work that is done when a call returns.
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "common/hopper.h"

namespace eqv::gpu {

int64_t wave(const Stream& stream) { return 2 * stream.device->threads; }
void check_launch(const char*) {}

TensorMap matrix_map(const void* data, int64_t rows, int64_t columns, int box_rows) {
  return {static_cast<const uint16_t*>(data), false, columns, rows, 0, 0, box_rows, 0, 0, 0, 0, 0};
}

TensorMap pixels_map(const void* data, int n, int h, int w, int c, PixelRange range, int step, int box_pixels) {
  return {static_cast<const uint16_t*>(data), true, c, w, h, n, box_pixels, range.first_column, range.first_row,
          range.beyond_columns, range.beyond_rows, step};
}

}  // namespace eqv::gpu

namespace eqv::backend {

int32_t compute_dtype() { return EQV_F32; }
bool computes_in(int32_t dtype) { return dtype == EQV_F32 || dtype == EQV_BF16; }

void open(Device& device) {
  if (device.ordinal > 1)
    throw error(EQV_NO_DEVICE, "device_open: the shim has the devices 0 (as sm_80) and 1 (as sm_90a), but %d was asked for",
                device.ordinal);
  device.architecture = device.ordinal == 0 ? 80 : 90;
  if (device.threads == 0) device.threads = static_cast<int32_t>(std::max(1u, std::thread::hardware_concurrency()));
}

void describe(const Device& device, eqv_device_info& info) {
  info.threads = device.threads;
  std::snprintf(info.name, sizeof info.name, "CUDA kernels on the processor, as sm_%d (tests only)",
                device.architecture);
  std::snprintf(info.detail, sizeof info.detail, "a fiber per CUDA thread; order of threads by SIMT_SEED");
}

namespace {

// An allocation ends where a page ends that nobody may touch: who writes beyond it is caught. Under AddressSanitizer who
// touches what lies before it, too.
struct Guarded {
  size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), used, mapped;

  explicit Guarded(int64_t bytes)
      : used((static_cast<size_t>(std::max<int64_t>(1, bytes)) + 255) / 256 * 256), mapped((used + page - 1) / page * page + page) {}
  size_t offset() const { return mapped - page - used; }
};

}  // namespace

void* raw_allocate(Device&, int64_t bytes) {
  if (bytes > INT64_MAX / 2) return nullptr;
  const Guarded g(bytes);
  void* memory = mmap(nullptr, g.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* start = static_cast<unsigned char*>(memory);
  mprotect(start + g.mapped - g.page, g.page, PROT_NONE);
  ASAN_POISON_MEMORY_REGION(start, g.offset());
  return start + g.offset();
}

void raw_release(Device&, void* data, int64_t bytes) {
  const Guarded g(bytes);
  auto* start = static_cast<unsigned char*>(data) - g.offset();
  ASAN_UNPOISON_MEMORY_REGION(start, g.offset());
  munmap(start, g.mapped);
}

void open_stream(Stream&) {}
void close_stream(Stream&) {}
void sync(Stream&) {}

void copy_in(Stream&, void* device_data, const void* host, int64_t bytes) {
  std::memcpy(device_data, host, static_cast<size_t>(bytes));
}

void copy_out(Stream&, void* host, const void* device_data, int64_t bytes) {
  std::memcpy(host, device_data, static_cast<size_t>(bytes));
}

}  // namespace eqv::backend
