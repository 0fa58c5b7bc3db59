#include "conv2d/pack_weights.h"

#include "common/dtype.h"

namespace eqv::gpu {
namespace {

using dtype::Bf16;

template <class T>
PackedMatrix<T> matrix(const Tensor& w, PackedPart part) {
  const int outputs = static_cast<int>(w.shape[0]), inputs = static_cast<int>(w.shape[1]);
  const int taps = static_cast<int>(w.shape[2] * w.shape[3]);
  const bool forward = part == PackedPart::kForward;
  return {nullptr, forward ? outputs : inputs, taps, static_cast<int>(packed_depth(forward ? inputs : outputs))};
}

template <class T>
int64_t size(const PackedMatrix<T>& m) {
  return int64_t{m.lines} * m.taps * m.depth;
}

// A square piece of one weight, 16 of its taps at a time: read along {I, taps}, in which fp32 weights are contiguous, and
// written along I and along O, in which the two packed parts are. So every access to memory is of neighbours, and a weight is
// read once for both.
constexpr int kSide = 32, kTapsAtOnce = 16;
static_assert(kPackedUnit % kSide == 0, "tiles reach exactly to the padding's end");

struct PackTile {
  // An odd number of words between neighbours along O, and between taps.
  static constexpr int kRow = kSide + 2, kPlane = kSide * kRow + 2;
  Bf16 values[kTapsAtOnce * kPlane];

  __device__ Bf16& at(int tap, int o, int i) { return values[tap * kPlane + o * kRow + i]; }
};

// blockIdx.y is a row of the layout; the blocks of that row share its tiles.
__global__ void __launch_bounds__(kThreads)
    pack_kernel(const int64_t* layout, const float* values, const float* skip, Bf16* packed) {
  if (skip && *skip != 0) return;
  PackTile& tile = shared_memory<PackTile>();
  const int64_t* row = layout + int64_t{blockIdx.y} * kLayoutColumns;
  const int outputs = static_cast<int>(row[kOutputs]), inputs = static_cast<int>(row[kInputs]);
  const int taps = static_cast<int>(row[kTaps]);
  const int wide_o = static_cast<int>(packed_depth(outputs)), wide_i = static_cast<int>(packed_depth(inputs));
  const float* from = values + row[kFirstValue];
  Bf16* forward = packed + row[kFirstPacked];
  Bf16* backward = forward + packed_part(outputs, taps, inputs);
  const int across = wide_i / kSide, tiles = wide_o / kSide * across, thread = static_cast<int>(threadIdx.x);
  for (int t = static_cast<int>(blockIdx.x); t < tiles; t += static_cast<int>(gridDim.x)) {
    const int o0 = t / across * kSide, i0 = t % across * kSide;
    for (int tap0 = 0; tap0 < taps; tap0 += kTapsAtOnce) {
      const int count = taps - tap0 < kTapsAtOnce ? taps - tap0 : kTapsAtOnce;
      for (int k = thread; k < kSide * kSide * count; k += kThreads) {
        const int tap = k % count, i = k / count % kSide, o = k / count / kSide;
        const bool inside = o0 + o < outputs && i0 + i < inputs;
        const int64_t at = (int64_t{o0 + o} * inputs + i0 + i) * taps + tap0 + tap;
        tile.at(tap, o, i) = inside ? dtype::narrow<Bf16>(from[at]) : Bf16{0};
      }
      __syncthreads();
      for (int k = thread; k < kSide * kSide * count; k += kThreads) {
        const int lane = k % kSide, line = k / kSide % kSide, tap = k / kSide / kSide;
        if (o0 + line < outputs)
          forward[(int64_t{o0 + line} * taps + tap0 + tap) * wide_i + i0 + lane] = tile.at(tap, line, lane);
        if (i0 + line < inputs)
          backward[(int64_t{i0 + line} * taps + tap0 + tap) * wide_o + o0 + lane] = tile.at(tap, lane, line);
      }
      __syncthreads();
    }
  }
}

// The weight of packed element `at` of a part, zero in the padding.
template <class T>
struct Repacked {
  const float* w;
  int inputs, taps, depth, wide;  // depth: channels that are summed over, without padding
  bool forward;

  __host__ __device__ T operator()(int64_t at) const {
    const int64_t c = at % wide, tap = at / wide % taps, line = at / wide / taps;
    const int64_t pair = forward ? line * inputs + c : c * inputs + line;
    return c < depth ? dtype::narrow<T>(w[pair * taps + tap]) : T{0};
  }
};

template <class T>
Repacked<T> repacked(const Tensor& w, PackedPart part) {
  const bool forward = part == PackedPart::kForward;
  const PackedMatrix<T> m = matrix<T>(w, part);
  return {f32(w), static_cast<int>(w.shape[1]), m.taps, static_cast<int>(w.shape[forward ? 1 : 0]), m.depth, forward};
}

// Under the shim every call compares its packed weights with w: a forgotten eqv_pack_weights is an error there.
void require_current(Stream& stream, const Tensor& w, PackedPart part, const PackedMatrix<Bf16>& packed) {
  const auto expected = repacked<Bf16>(w, part);
  const std::string shape = shape_text(w);
  on_shim(stream, [=] {
    for (int64_t at = 0; at < size(packed); ++at)
      if (packed.data[at].bits != expected(at).bits)
        throw error(EQV_BAD_ARGUMENT, "conv2d: the packed copy of the weight %s is out of date: its values were "
                    "changed without packing them again (eqv_pack_weights)", shape.c_str());
  });
}

}  // namespace

template <class T>
int64_t packed_bytes(const Tensor& w, PackedPart part, const Tensor* packed) {
  return packed ? 0 : Workspace::bytes<T>(size(matrix<T>(w, part)));
}

template <class T>
PackedMatrix<T> packed_weights(Stream& stream, Workspace& workspace, const Tensor& w, PackedPart part, const Tensor* packed) {
  PackedMatrix<T> m = matrix<T>(w, part);
  if (packed) {
    const int64_t first = part == PackedPart::kForward ? 0 : size(matrix<T>(w, PackedPart::kForward));
    m.data = static_cast<const T*>(packed->data) + first;
    if constexpr (std::is_same_v<T, Bf16>) require_current(stream, w, part, m);
    return m;
  }
  T* to = workspace.take<T>(size(m));
  const auto value = repacked<T>(w, part);
  for_each(stream, "conv2d_pack", size(m), EQV_LAMBDA(int64_t at) { to[at] = value(at); });
  m.data = to;
  return m;
}

template int64_t packed_bytes<Bf16>(const Tensor&, PackedPart, const Tensor*);
template int64_t packed_bytes<float>(const Tensor&, PackedPart, const Tensor*);
template PackedMatrix<Bf16> packed_weights<Bf16>(Stream&, Workspace&, const Tensor&, PackedPart, const Tensor*);
template PackedMatrix<float> packed_weights<float>(Stream&, Workspace&, const Tensor&, PackedPart, const Tensor*);

}  // namespace eqv::gpu

namespace eqv::backend {

using namespace gpu;

void pack_weights(Stream& stream, const Tensor& layout, const Tensor& values, const Tensor* skip, const Tensor& packed) {
  const int64_t weights = layout.shape[0];
  // Weights differ in size by a factor of a thousand: more blocks than fill the device, so that the large ones get enough.
  const auto blocks = static_cast<unsigned>(ceil_div(4 * wave(stream), weights));
  launch(stream, "pack_weights", dim3(blocks, static_cast<unsigned>(weights)), dim3(kThreads), sizeof(PackTile), pack_kernel,
         static_cast<const int64_t*>(layout.data), static_cast<const float*>(f32(values)),
         static_cast<const float*>(f32(skip)), static_cast<dtype::Bf16*>(packed.data));
}

}  // namespace eqv::backend
