// Checks of packed weights. The content of `layout` is on the device and is not checked here.
#pragma once

#include "check.h"
#include "conv2d/packed_weights.h"

namespace eqv {

inline void packing(const Check& c, const Stream& s, const eqv_tensor* layout, const char* values_name, const Tensor& values,
                    const eqv_tensor* packed) {
  c.reads_packed(s);
  const Tensor& l = c.typed("layout", layout, 2, EQV_I64);
  c.shape("layout", l, {l.shape[0], kLayoutColumns});
  constexpr int64_t kMostWeights = 65535;  // rows of a grid
  c.that(l.shape[0] <= kMostWeights, "layout", l, {"pack at most ", kMostWeights, " weights in a call"});
  c.typed(values_name, &values, 1, EQV_F32);
  c.typed("packed", packed, 1, EQV_BF16);
}

}  // namespace eqv
