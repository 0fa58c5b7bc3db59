// The input gradient of a convolution with a stride, taken apart by parities. With stride 2 the even pixels of x and the odd
// ones are each reached by half of the taps along an axis; so the pixels of one parity (along both axes) are the result of a
// convolution of dy with stride 1 and their own taps, and none multiplies by a zero. The decoder's doubling convolution is
// such a gradient, too.
#pragma once

#include <algorithm>

#include "common/device.h"

namespace eqv::gpu {

// Along one axis: x's pixels stride·u + parity. The taps first_tap, first_tap + stride, … reach them, the t-th of these from
// pixel offset + u − t of y, which may lie outside.
struct AxisParity {
  int parity, stride, pixels, taps, first_tap, offset;

  AxisParity(int parity, int stride, int pad, int kernel, int size)
      : parity(parity),
        stride(stride),
        pixels((size - parity + stride - 1) / stride),
        taps(std::max(0, (kernel - (parity + pad) % stride + stride - 1) / stride)),
        first_tap((parity + pad) % stride),
        offset((parity + pad - first_tap) / stride) {}

  template <class Index>
  __host__ __device__ Index pixel(Index u) const {
    return parity + u * stride;
  }
  template <class Index>
  __host__ __device__ Index tap(Index t) const {
    return first_tap + t * stride;
  }
  template <class Index>
  __host__ __device__ Index source(Index u, Index t) const {
    return offset + u - t;
  }
};

// f(down, across) for every parity that has pixels.
template <class F>
void each_parity(const eqv_conv2d_params& p, const Tensor& w, const Tensor& dx, F f) {
  const auto of = [](const Tensor& t, int axis) { return static_cast<int>(t.shape[axis]); };
  for (int i = 0; i < p.stride && i < of(dx, 1); ++i)
    for (int j = 0; j < p.stride && j < of(dx, 2); ++j)
      f(AxisParity(i, p.stride, p.pad_top, of(w, 2), of(dx, 1)), AxisParity(j, p.stride, p.pad_left, of(w, 3), of(dx, 2)));
}

}  // namespace eqv::gpu
