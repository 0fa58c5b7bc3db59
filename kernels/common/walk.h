// A loop over two tensors of one shape and any strides, with as few dimensions as possible.
#pragma once

#include "backend.h"

namespace eqv {

// The common loop: dimensions of size 1 are left out, and neighbouring ones merged where the strides of both allow it.
struct Walk {
  int rank = 0;
  int64_t shape[EQV_MAX_RANK], from[EQV_MAX_RANK], to[EQV_MAX_RANK];  // strides of src and dst
};

inline Walk walk_of(const Tensor& src, const Tensor& dst) {
  Walk w;
  for (int i = 0; i < src.rank; ++i) {
    if (src.shape[i] == 1) continue;
    const int last = w.rank - 1;
    if (last >= 0 && w.from[last] == src.stride[i] * src.shape[i] && w.to[last] == dst.stride[i] * src.shape[i]) {
      w.shape[last] *= src.shape[i];
      w.from[last] = src.stride[i];
      w.to[last] = dst.stride[i];
    } else {
      w.shape[w.rank] = src.shape[i];
      w.from[w.rank] = src.stride[i];
      w.to[w.rank] = dst.stride[i];
      ++w.rank;
    }
  }
  if (w.rank == 0) {
    w.shape[0] = w.from[0] = w.to[0] = 1;
    w.rank = 1;
  }
  return w;
}

}  // namespace eqv
