// Where the pixels of a resized image lie once it is turned and flipped.
#pragma once

#include <cstdint>

#include "eqv.h"

namespace eqv::resample {

// Pixel (p, q) of the resized, not yet turned image lies at origin + p * row + q * column of a sample of y, in pixels.
struct Placement {
  int64_t height, width;  // of the resized image
  int64_t origin, row, column;
};

inline Placement placement_of(const eqv_resample_params& p, const eqv_tensor& y) {
  const int64_t oh = y.shape[1], ow = y.shape[2];
  const bool odd = p.quarter_turns % 2 != 0;
  const int64_t h = odd ? ow : oh, w = odd ? oh : ow;
  // (i, j) in y = (i0, j0) + p (ip, jp) + q (iq, jq)
  int64_t i0 = 0, j0 = 0, ip = 1, jp = 0, iq = 0, jq = 1;
  switch (p.quarter_turns) {
    case 1: i0 = 0, j0 = h - 1, ip = 0, jp = -1, iq = 1, jq = 0; break;
    case 2: i0 = h - 1, j0 = w - 1, ip = -1, jq = -1; break;
    case 3: i0 = w - 1, j0 = 0, ip = 0, jp = 1, iq = -1, jq = 0; break;
    default: break;
  }
  if (p.flip_horizontal) j0 = ow - 1 - j0, jp = -jp, jq = -jq;
  if (p.flip_vertical) i0 = oh - 1 - i0, ip = -ip, iq = -iq;
  return {h, w, i0 * ow + j0, ip * ow + jp, iq * ow + jq};
}

}  // namespace eqv::resample
