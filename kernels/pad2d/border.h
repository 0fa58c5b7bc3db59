// Which pixel each place of a padded image copies, along one axis.
#pragma once

#include "common/host_device.h"
#include "eqv.h"

namespace eqv::pad2d {

struct Axis {
  int mode;
  int before, size, padded;  // places before the image; its pixels; all places

  // The pixel that place p copies; -1 for a zero.
  EQV_HOST_DEVICE int source(int p) const {
    const int i = p - before;
    if (i >= 0 && i < size) return i;
    if (mode == EQV_EDGE_ZEROS) return -1;
    if (mode == EQV_EDGE_REFLECT) return i < 0 ? -i : 2 * (size - 1) - i;
    return i < 0 ? 0 : size - 1;
  }
  // The next place after p that copies pixel i; `padded` if there is none. Starting with p = -1 this gives all, ascending.
  EQV_HOST_DEVICE int next(int p, int i) const {
    const int own = before + i;
    for (++p; p < before; ++p)
      if (source(p) == i) return p;
    if (p <= own) return own;
    for (p = p > before + size ? p : before + size; p < padded; ++p)
      if (source(p) == i) return p;
    return padded;
  }
};

inline Axis rows_of(const eqv_pad2d_params& p, const eqv_tensor& x, const eqv_tensor& y) {
  return {p.mode, p.top, static_cast<int>(x.shape[1]), static_cast<int>(y.shape[1])};
}

inline Axis columns_of(const eqv_pad2d_params& p, const eqv_tensor& x, const eqv_tensor& y) {
  return {p.mode, p.left, static_cast<int>(x.shape[2]), static_cast<int>(y.shape[2])};
}

}  // namespace eqv::pad2d
