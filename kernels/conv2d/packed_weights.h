// The order in which tensor cores read a convolution's weights w{O, I, taps} beside bf16 activations, and the only place
// that knows it: bf16, first {O, taps, I padded}, which the forward pass reads, then {I, taps, O padded}, which the
// input gradient reads. Channels are padded with zeros to a multiple of 64, the
// depth of a tile: copies of 16 bytes and tensor maps need no special case.
#pragma once

#include <cstdint>

#include "common/host_device.h"

namespace eqv {

constexpr int kPackedUnit = 64;

// Of the channels that are summed over.
EQV_HOST_DEVICE constexpr int64_t packed_depth(int64_t channels) {
  return (channels + kPackedUnit - 1) / kPackedUnit * kPackedUnit;
}

// Elements of one part, and where the second begins: lines · taps · padded depth.
EQV_HOST_DEVICE constexpr int64_t packed_part(int64_t lines, int64_t taps, int64_t depth) {
  return lines * taps * packed_depth(depth);
}

EQV_HOST_DEVICE constexpr int64_t packed_elements(int64_t outputs, int64_t inputs, int64_t taps) {
  return packed_part(outputs, taps, inputs) + packed_part(inputs, taps, outputs);
}

// Columns of the table `layout` that eqv_pack_weights reads, a row for each weight.
enum { kFirstValue = 0, kOutputs = 1, kInputs = 2, kTaps = 3, kFirstPacked = 4, kLayoutColumns = 5 };

}  // namespace eqv
