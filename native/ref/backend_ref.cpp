// The reference backend: every op in double precision by the obvious loops of kernels/<op>/<op>_ref.cpp. The oracle of the
// tests; never shipped. This is the rest of it: the device, and what has no formula.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/ref_backend.h"
#include "host_only.h"
#include "status.h"

namespace eqv::backend {
int32_t compute_dtype() { return EQV_F64; }
bool computes_in(int32_t dtype) { return dtype == EQV_F64; }
bool multiplies_in(int64_t) { return false; }

void open(Device& device) { device.threads = 1; }

void describe(const Device&, eqv_device_info& info) {
  info.threads = 1;
  std::snprintf(info.name, sizeof info.name, "reference (double precision)");
  std::snprintf(info.detail, sizeof info.detail, "plain loops, one thread");
}

void* raw_allocate(Device&, int64_t bytes) {
  return std::aligned_alloc(64, static_cast<size_t>((bytes + 63) / 64 * 64));
}
void raw_release(Device&, void* memory, int64_t) { std::free(memory); }
void open_stream(Stream&) {}
void close_stream(Stream&) {}
void sync(Stream&) {}
void copy_in(Stream&, void* device_data, const void* host, int64_t bytes) {
  std::memcpy(device_data, host, static_cast<size_t>(bytes));
}
void copy_out(Stream&, void* host, const void* device_data, int64_t bytes) {
  std::memcpy(host, device_data, static_cast<size_t>(bytes));
}

namespace {

// Element at a multi-index, counted row-major over the shape.
int64_t offset(const Tensor& t, int64_t i) {
  int64_t at = 0;
  for (int d = t.rank - 1; d >= 0; --d) {
    at += i % t.shape[d] * t.stride[d];
    i /= t.shape[d];
  }
  return at;
}

double load(const Tensor& t, int64_t i) {
  return t.dtype == EQV_F64 ? static_cast<double*>(t.data)[i] : static_cast<double>(static_cast<float*>(t.data)[i]);
}

void store(const Tensor& t, int64_t i, double value) {
  if (t.dtype == EQV_F64)
    static_cast<double*>(t.data)[i] = value;
  else
    static_cast<float*>(t.data)[i] = static_cast<float>(value);
}

}  // namespace

void copy(Stream&, const Tensor& src, const Tensor& dst) {
  for (const Tensor* t : {&src, &dst})
    if (t->dtype != EQV_F32 && t->dtype != EQV_F64 && t->dtype != EQV_I32)
      throw error(EQV_UNSUPPORTED, "copy: the reference copies f32, f64 and i32, not %s", dtype_name(t->dtype));
  for (int64_t i = 0; i < elements(src); ++i) store(dst, offset(dst, i), load(src, offset(src, i)));
}
void fill(Stream&, const eqv_fill_params& p, const Tensor& out) {
  for (int64_t i = 0; i < elements(out); ++i) data(out)[i] = p.value;
}
void pack_weights(Stream&, const Tensor&, const Tensor&, const Tensor*, const Tensor&) {}

}  // namespace eqv::backend
