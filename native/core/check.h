// Argument checks of one call. Every failure names the operation, the argument as eqv.h calls it, what it was and what it
// should be. Texts are put together only when something is wrong.
#pragma once

#include <initializer_list>
#include <string>
#include <type_traits>

#include "backend.h"
#include "profile.h"
#include "status.h"

namespace eqv {

constexpr int kAnyRank = -1;

// A part of an error text, formatted only when it is needed: words, a number, a tensor's shape, or whether an argument was NULL.
class Said {
 public:
  Said(const char* words) : kind_(Kind::kWords), words_(words) {}
  Said(const Tensor& t) : kind_(Kind::kShape), tensor_(&t) {}
  Said(const Tensor* t) : kind_(Kind::kPointer), tensor_(t) {}
  template <class N>
    requires std::is_arithmetic_v<N>
  Said(N n) : kind_(std::is_floating_point_v<N> ? Kind::kReal : Kind::kInteger) {
    if constexpr (std::is_floating_point_v<N>) real_ = n;
    else integer_ = n;
  }

  // The part alone ("3"), and as a statement about an argument: "is 3", "has shape [1, 2]".
  std::string text() const;
  std::string predicate() const;

 private:
  enum class Kind { kWords, kInteger, kReal, kShape, kPointer };
  Kind kind_;
  union {
    const char* words_;
    const Tensor* tensor_;
    int64_t integer_;
    double real_;
  };
};

class Check {
 public:
  Check(const char* op, eqv_stream stream) : op_(op) {
    if (!stream) throw error(EQV_BAD_HANDLE, "%s: stream is null; it was never created or is already destroyed", op);
    backend::select(*stream->device);
    call_.begin(*stream, op);
  }

  template <class P>
  const P& params(const P* p) const {
    if (!p) throw error(EQV_BAD_ARGUMENT, "%s: params is null", op_);
    if (p->struct_size != sizeof(P))
      throw error(EQV_BAD_ARGUMENT, "%s: params.struct_size is %u, expected %zu: caller and library disagree on the ABI", op_,
                  p->struct_size, sizeof(P));
    return *p;
  }

  // A contiguous tensor of activations. All activations of a call have one dtype, which this device computes in.
  const Tensor& activation(const char* name, const Tensor* t, int rank);
  const Tensor* optional_activation(const char* name, const Tensor* t, int rank) {
    return t ? &activation(name, t, rank) : nullptr;
  }
  // A contiguous tensor of parameters, statistics or losses: in the dtype of the activations, or fp32 if they are bf16.
  const Tensor& tensor(const char* name, const Tensor* t, int rank);
  const Tensor* optional(const char* name, const Tensor* t, int rank) { return t ? &tensor(name, t, rank) : nullptr; }
  // The same with a given dtype.
  const Tensor& typed(const char* name, const Tensor* t, int rank, int32_t dtype) const;
  // A tensor with any non-negative strides, of any floating dtype or i32.
  const Tensor& strided(const char* name, const Tensor* t) const;

  // For the profile: t is a result that is also read, and the products of the operation, each with a sum.
  void updated(const Tensor& t) const;
  template <class... Factors>
  void products(Factors... factors) const {
    if (call_) call_.flops(2 * (static_cast<double>(factors) * ...));
  }
  // The operation is done.
  void done() { call_.done(dtype_); }

  void shape(const char* name, const Tensor& t, std::initializer_list<int64_t> expected) const;
  void same_shape(const char* name, const Tensor& t, const char* other_name, const Tensor& other) const;
  // The shape of `other` with `last` in place of its last axis.
  void same_but_last(const char* name, const Tensor& t, const char* other_name, const Tensor& other, int64_t last) const;
  // The shape of `other` without its last axis.
  void same_without_last(const char* name, const Tensor& t, const char* other_name, const Tensor& other) const;
  void one_value(const char* name, const Tensor& t) const;
  // {…,C}: at least one axis.
  void has_channels(const char* name, const Tensor& t) const { that(t.rank >= 1, name, t, "give it at least one axis"); }
  // Only devices with tensor cores read packed weights.
  void reads_packed(const Stream& stream) const {
    if (stream.device->architecture == 0)
      throw error(EQV_UNSUPPORTED, "%s: this device reads no packed weights; pass NULL (see architecture of "
                  "eqv_device_info)", op_);
  }

  // Unless the condition holds, throws the error "op: <name> is <value>; <advice>".
  void that(bool condition, const char* name, const Said& value, const char* advice) const {
    if (!condition) refuse(name, value, {advice});
  }
  void that(bool condition, const char* name, const Said& value, std::initializer_list<Said> advice) const {
    if (!condition) refuse(name, value, advice);
  }
  void at_least(const char* name, int64_t value, int64_t least) const {
    if (value < least) refuse(name, value, {"use ", least, " or more"});
  }
  void one_of(const char* name, int32_t value, int32_t first, int32_t last, const char* where) const {
    if (value < first || value > last) refuse(name, value, {"use one of ", first, " to ", last, ": see ", where, " in eqv.h"});
  }

 private:
  const Tensor& basic(const char* name, const Tensor* t, int rank) const;
  [[noreturn]] void refuse(const char* name, const Said& value, std::initializer_list<Said> advice) const;
  void moves(const Tensor& t) const;
  const char* op_;
  mutable ProfiledCall call_;
  int32_t dtype_ = -1;  // of the first floating tensor; activations must come first
};

// The body of a function of eqv.h: body(check) checks its arguments and hands them to the backend.
template <class F>
eqv_status checked(const char* op, eqv_stream stream, F&& body) noexcept {
  return guard(op, [&] {
    Check check(op, stream);
    body(check);
    check.done();
  });
}

std::string shape_text(const Tensor& t);
int64_t elements(const Tensor& t);
// For a tensor {…,C}: C, and the number of rows of C values.
inline int64_t channels_of(const Tensor& t) { return t.shape[t.rank - 1]; }
inline int64_t rows_of(const Tensor& t) { return elements(t) / channels_of(t); }
const char* dtype_name(int32_t dtype);
int64_t dtype_bytes(int32_t dtype);

}  // namespace eqv
