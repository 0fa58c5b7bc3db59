// Argument checks of one call. Every failure names the op, the argument, what it was, what it should be.
#pragma once

#include <initializer_list>
#include <string>

#include "backend.h"
#include "status.h"

namespace eqv {

class Check {
 public:
  Check(const char* op, eqv_stream stream) : op_(op) {
    if (!stream) throw error(EQV_BAD_HANDLE, "%s: stream is null; it was never created or is already destroyed", op);
    backend::select(*stream->device);
  }

  template <class P>
  const P& params(const P* p) const {
    if (!p) throw error(EQV_BAD_ARGUMENT, "%s: the parameter struct is null", op_);
    if (p->struct_size != sizeof(P))
      throw error(EQV_BAD_ARGUMENT, "%s: struct_size is %u, expected %zu: caller and library disagree on the ABI", op_,
                  p->struct_size, sizeof(P));
    return *p;
  }

  // A contiguous tensor of activations, in a dtype this device computes in, the same for all of the call; rank -1 = any.
  const Tensor& activation(const char* name, const Tensor* t, int rank);
  const Tensor* optional_activation(const char* name, const Tensor* t, int rank) {
    return t ? &activation(name, t, rank) : nullptr;
  }
  // A contiguous tensor of parameters, statistics or losses: as the activations, but fp32 beside bf16.
  const Tensor& tensor(const char* name, const Tensor* t, int rank);
  const Tensor* optional(const char* name, const Tensor* t, int rank) { return t ? &tensor(name, t, rank) : nullptr; }
  // The same with a given dtype.
  const Tensor& typed(const char* name, const Tensor* t, int rank, int32_t dtype) const;
  // Strides may be anything non-negative; the dtype any floating one or i32.
  const Tensor& strided(const char* name, const Tensor* t) const;

  void shape(const char* name, const Tensor& t, std::initializer_list<int64_t> expected) const;
  void same_shape(const char* name, const Tensor& t, const char* other_name, const Tensor& other) const;
  // Copies of weights as tensor cores read them are for the devices that have such.
  void reads_packed(const Stream& stream) const {
    if (stream.device->architecture == 0)
      throw error(EQV_UNSUPPORTED, "%s: this device reads no packed weights; pass NULL (see architecture of "
                  "eqv_device_info)", op_);
  }
  void that(bool condition, const char* what, const char* fix) const {
    if (!condition) throw error(EQV_BAD_ARGUMENT, "%s: %s; %s", op_, what, fix);
  }

 private:
  const Tensor& basic(const char* name, const Tensor* t, int rank) const;
  const char* op_;
  int32_t dtype_ = -1;  // of the first floating tensor; activations must come first
};

std::string shape_text(const Tensor& t);
int64_t elements(const Tensor& t);
const char* dtype_name(int32_t dtype);
int64_t dtype_bytes(int32_t dtype);

}  // namespace eqv
