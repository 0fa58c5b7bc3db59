// Which pixels a pooling window covers, and which windows cover a pixel, along one axis.
#pragma once

#include "common/host_device.h"
#include "eqv.h"

namespace eqv::pool2d {

struct Range {
  int begin, end;
};

struct Axis {
  int kernel, stride, padding;
  int in, out;  // pixels, windows

  // The pixels inside the image that window p covers; never none, as padding is at most half the kernel.
  EQV_HOST_DEVICE Range window(int p) const {
    const int first = p * stride - padding, last = first + kernel;
    return {first > 0 ? first : 0, last < in ? last : in};
  }
  // The windows that cover pixel i.
  EQV_HOST_DEVICE Range readers(int i) const {
    const int at = i + padding, past = at / stride + 1;
    return {at < kernel ? 0 : (at - kernel) / stride + 1, past < out ? past : out};
  }
  // Where pixel i lies in window p.
  EQV_HOST_DEVICE int place(int p, int i) const { return i + padding - p * stride; }
};

inline Axis rows_of(const eqv_pool2d_params& p, const eqv_tensor& x, const eqv_tensor& y) {
  return {p.kernel_height, p.stride, p.padding, static_cast<int>(x.shape[1]), static_cast<int>(y.shape[1])};
}

inline Axis columns_of(const eqv_pool2d_params& p, const eqv_tensor& x, const eqv_tensor& y) {
  return {p.kernel_width, p.stride, p.padding, static_cast<int>(x.shape[2]), static_cast<int>(y.shape[2])};
}

}  // namespace eqv::pool2d
