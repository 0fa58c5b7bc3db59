// Helpers with which functions of the reference backend pass tensors to their formulas.
#pragma once

#include "backend.h"
#include "check.h"
#include "common/ref_view.h"

namespace eqv::backend {

using V = ref::View<double>;
using U8 = ref::View<uint8_t>;
using I32 = ref::View<int32_t>;

inline double* data(const Tensor& t) { return static_cast<double*>(t.data); }
inline double* data(const Tensor* t) { return t ? data(*t) : nullptr; }

// A tensor of any rank as rows: only the size of the last dimension matters.
inline Tensor rows(const Tensor& t, int64_t width) {
  Tensor r = t;
  r.rank = 2;
  r.shape[0] = elements(t) / width;
  r.shape[1] = width;
  return r;
}

}  // namespace eqv::backend
