#include "check.h"

#include <cstdio>

#include "journal.h"

namespace eqv {

const char* dtype_name(int32_t dtype) {
  switch (dtype) {
    case EQV_F32: return "f32";
    case EQV_BF16: return "bf16";
    case EQV_F16: return "f16";
    case EQV_F64: return "f64";
    case EQV_I32: return "i32";
    case EQV_U8: return "u8";
    case EQV_I64: return "i64";
    default: return "unknown dtype";
  }
}

int64_t dtype_bytes(int32_t dtype) {
  switch (dtype) {
    case EQV_U8: return 1;
    case EQV_BF16:
    case EQV_F16: return 2;
    case EQV_F32:
    case EQV_I32: return 4;
    default: return 8;
  }
}

int64_t elements(const Tensor& t) {
  int64_t n = 1;
  for (int i = 0; i < t.rank; ++i) n *= t.shape[i];
  return n;
}

std::string shape_text(const Tensor& t) {
  std::string s = "[";
  for (int i = 0; i < t.rank; ++i) s += (i ? ", " : "") + std::to_string(t.shape[i]);
  return s + "]";
}

const Tensor& Check::basic(const char* name, const Tensor* t, int rank) const {
  if (!t) throw error(EQV_BAD_ARGUMENT, "%s: tensor %s is null", op_, name);
  if (t->rank < 0 || t->rank > EQV_MAX_RANK)
    throw error(EQV_BAD_SHAPE, "%s: %s has rank %d; 0 to %d are possible", op_, name, t->rank, EQV_MAX_RANK);
  if (rank >= 0 && t->rank != rank)
    throw error(EQV_BAD_SHAPE, "%s: %s has shape %s (rank %d), expected rank %d", op_, name, shape_text(*t).c_str(),
                t->rank, rank);
  for (int i = 0; i < t->rank; ++i)
    if (t->shape[i] <= 0)
      throw error(EQV_BAD_SHAPE, "%s: %s has shape %s; every dimension must be at least 1", op_, name,
                  shape_text(*t).c_str());
  if (!t->data) throw error(EQV_BAD_ARGUMENT, "%s: %s has no data", op_, name);
  return *t;
}

const Tensor& Check::typed(const char* name, const Tensor* t, int rank, int32_t dtype) const {
  const Tensor& r = basic(name, t, rank);
  if (r.dtype != dtype)
    throw error(EQV_BAD_ARGUMENT, "%s: %s is %s, expected %s", op_, name, dtype_name(r.dtype), dtype_name(dtype));
  int64_t stride = 1;
  for (int i = r.rank - 1; i >= 0; --i) {
    if (r.shape[i] != 1 && r.stride[i] != stride)
      throw error(EQV_BAD_ARGUMENT, "%s: %s %s is not contiguous; copy it first (eqv_copy)", op_, name,
                  shape_text(r).c_str());
    stride *= r.shape[i];
  }
  if (call_) moves(r);
  if (call_ && journals()) journal("tensor\t%s\t%s\t%s", name, dtype_name(r.dtype), shape_text(r).c_str());
  return r;
}

const Tensor& Check::activation(const char* name, const Tensor* t, int rank) {
  const Tensor& r = basic(name, t, rank);
  if (dtype_ < 0) {
    if (!backend::computes_in(r.dtype))
      throw error(EQV_UNSUPPORTED, "%s: %s is %s, this device computes in %s", op_, name, dtype_name(r.dtype),
                  dtype_name(backend::compute_dtype()));
    dtype_ = r.dtype;
  }
  return typed(name, t, rank, dtype_);
}

const Tensor& Check::tensor(const char* name, const Tensor* t, int rank) {
  if (dtype_ < 0) {
    const Tensor& r = basic(name, t, rank);
    if (r.dtype == EQV_BF16)
      throw error(EQV_UNSUPPORTED, "%s: %s is bf16; this is computed in f32 only: cast it first (eqv_copy)", op_, name);
    return activation(name, t, rank);
  }
  return typed(name, t, rank, dtype_ == EQV_BF16 ? EQV_F32 : dtype_);
}

const Tensor& Check::strided(const char* name, const Tensor* t) const {
  const Tensor& r = basic(name, t, -1);
  if (r.dtype != EQV_F32 && r.dtype != EQV_F64 && r.dtype != EQV_BF16 && r.dtype != EQV_F16 && r.dtype != EQV_I32)
    throw error(EQV_UNSUPPORTED, "%s: %s is %s, expected a floating dtype or i32", op_, name, dtype_name(r.dtype));
  for (int i = 0; i < r.rank; ++i)
    if (r.stride[i] < 0) throw error(EQV_BAD_ARGUMENT, "%s: %s has a negative stride", op_, name);
  if (call_) moves(r);
  return r;
}

// An element that a stride of 0 repeats is read once.
void Check::moves(const Tensor& t) const {
  double bytes = static_cast<double>(dtype_bytes(t.dtype));
  for (int i = 0; i < t.rank; ++i)
    if (t.stride[i] != 0) bytes *= static_cast<double>(t.shape[i]);
  call_.bytes(bytes);
}

void Check::updated(const Tensor& t) const {
  if (call_) moves(t);
}

void Check::shape(const char* name, const Tensor& t, std::initializer_list<int64_t> expected) const {
  bool same = t.rank == static_cast<int>(expected.size());
  int i = 0;
  for (int64_t e : expected) same = same && t.shape[i++] == e;
  if (same) return;
  Tensor wanted{};
  for (int64_t e : expected) wanted.shape[wanted.rank++] = e;
  throw error(EQV_BAD_SHAPE, "%s: %s has shape %s, expected %s", op_, name, shape_text(t).c_str(), shape_text(wanted).c_str());
}

void Check::same_shape(const char* name, const Tensor& t, const char* other_name, const Tensor& other) const {
  bool same = t.rank == other.rank;
  for (int i = 0; same && i < t.rank; ++i) same = t.shape[i] == other.shape[i];
  if (!same)
    throw error(EQV_BAD_SHAPE, "%s: %s has shape %s, expected that of %s, %s", op_, name, shape_text(t).c_str(),
                other_name, shape_text(other).c_str());
}

void Check::same_but_last(const char* name, const Tensor& t, const char* other_name, const Tensor& other,
                          int64_t last) const {
  Tensor wanted = other;
  wanted.shape[wanted.rank - 1] = last;
  bool same = t.rank == wanted.rank;
  for (int i = 0; same && i < t.rank; ++i) same = t.shape[i] == wanted.shape[i];
  if (!same)
    throw error(EQV_BAD_SHAPE, "%s: %s has shape %s, expected %s to match %s %s", op_, name, shape_text(t).c_str(),
                shape_text(wanted).c_str(), other_name, shape_text(other).c_str());
}

void Check::same_without_last(const char* name, const Tensor& t, const char* other_name, const Tensor& other) const {
  bool same = t.rank == other.rank - 1;
  for (int i = 0; same && i < t.rank; ++i) same = t.shape[i] == other.shape[i];
  if (!same)
    throw error(EQV_BAD_SHAPE, "%s: %s has shape %s, expected that of %s, %s, without its last axis", op_, name,
                shape_text(t).c_str(), other_name, shape_text(other).c_str());
}

void Check::one_value(const char* name, const Tensor& t) const {
  that(elements(t) == 1, name, t, "it must hold one value: pass a scalar");
}

std::string Said::text() const {
  char number[32];
  switch (kind_) {
    case Kind::kWords: return words_;
    case Kind::kInteger: return std::to_string(integer_);
    case Kind::kReal: std::snprintf(number, sizeof number, "%g", real_); return number;
    case Kind::kShape: return shape_text(*tensor_);
    case Kind::kPointer: return tensor_ ? "given" : "NULL";
  }
  return "";
}

std::string Said::predicate() const {
  if (kind_ == Kind::kWords) return words_;
  return (kind_ == Kind::kShape ? "has shape " : "is ") + text();
}

void Check::refuse(const char* name, const Said& value, std::initializer_list<Said> advice) const {
  std::string text;
  for (const Said& part : advice) text += part.text();
  throw error(EQV_BAD_ARGUMENT, "%s: %s %s; %s", op_, name, value.predicate().c_str(), text.c_str());
}

}  // namespace eqv
