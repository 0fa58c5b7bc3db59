// Packed weights (packed_weights.h) for the kernels that read them: the copy made when the weights last changed
// (eqv_pack_weights, eqv_adam) or, without one, a copy for one call in scratch memory.
#pragma once

#include "common/device.h"
#include "conv2d/packed_weights.h"

namespace eqv::gpu {

// {lines, tap, depth}: lines are channels of the result, depth is that of the packed channels.
template <class T>
struct PackedMatrix {
  const T* data;
  int lines, taps, depth;
};

enum class PackedPart { kForward, kBackward };

// Scratch memory that packed_weights asks for: none where `packed` is given.
template <class T>
int64_t packed_bytes(const Tensor& w, PackedPart part, const Tensor* packed);

// T: Bf16, or float for TF32, for which there never is a `packed`.
template <class T>
PackedMatrix<T> packed_weights(Stream&, Workspace&, const Tensor& w, PackedPart part, const Tensor* packed);

}  // namespace eqv::gpu
