// The pairs of dtypes that a copy converts between.
#pragma once

#include "backend.h"
#include "common/dtype.h"

namespace eqv {

namespace copy_types {

template <class From, class F>
void with_target(const From* src, const Tensor& dst, F& f) {
  switch (dst.dtype) {
    case EQV_F32: return f(src, static_cast<float*>(dst.data));
    case EQV_F64: return f(src, static_cast<double*>(dst.data));
    case EQV_BF16: return f(src, static_cast<dtype::Bf16*>(dst.data));
    default: return f(src, static_cast<dtype::F16*>(dst.data));
  }
}

}  // namespace copy_types

// f(data of src, data of dst), as pointers to their types: both floating, or both i32.
template <class F>
void with_types(const Tensor& src, const Tensor& dst, F f) {
  using copy_types::with_target;
  switch (src.dtype) {
    case EQV_F32: return with_target(static_cast<const float*>(src.data), dst, f);
    case EQV_F64: return with_target(static_cast<const double*>(src.data), dst, f);
    case EQV_BF16: return with_target(static_cast<const dtype::Bf16*>(src.data), dst, f);
    case EQV_I32: return f(static_cast<const int32_t*>(src.data), static_cast<int32_t*>(dst.data));
    default: return with_target(static_cast<const dtype::F16*>(src.data), dst, f);
  }
}

}  // namespace eqv
