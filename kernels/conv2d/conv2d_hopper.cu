// Convolution on bf16 activations for sm_90a: implicit matrix products, pixels of the result × channels of the result over
// (tap, channel), whose operands the tensor memory accelerator brings as tiles (pixels of one tap; rows of packed
// weights) and whole warpgroups multiply. One warpgroup's first thread only starts copies; two multiply, each half of the
// tile's pixels. A ring of tiles lies between them, guarded by two barriers a tile: `full` when its bytes are there,
// `empty` when both have read it. Blocks are as many as multiprocessors and walk over the tiles.
//
// The input gradient with stride 1 is the forward convolution of dy with the kernel turned by 180° and its channels swapped.
#include "conv2d/conv2d_hopper.h"

#include "common/tensor_core.h"
#include "common/values.h"
#include "conv2d/hopper_ring.h"

namespace eqv::gpu {
namespace {

using dtype::Bf16;

constexpr int kPixels = 128;

template <int kChannels, int kStages>
using ConvRing = Ring<kPixels, kChannels, kStages>;

struct Conv {
  int rows, columns, channels;        // of the result: P, Q, O
  int pixels;                         // N·P·Q
  int stride, first_row, first_column;
  int taps, taps_across, slices;      // slices: of 64 channels of the source
  const float* bias;
  Bf16* result;
};

// Starts the copies of every tile of this block, as the ring frees.
template <int kChannels, int kStages>
__device__ void produce(ConvRing<kChannels, kStages>& ring, const Conv& c, int tiles, int tiles_across,
                        const TensorMap& pixels, const TensorMap& weights) {
  Place<kStages> place;
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
    const int channel = tile % tiles_across * kChannels, pixel = tile / tiles_across * kPixels;
    const int v = pixel % c.columns, line = pixel / c.columns, u = line % c.rows, n = line / c.rows;
    for (int tap = 0; tap < c.taps; ++tap)
      for (int slice = 0; slice < c.slices; ++slice) {
        auto& stage = ring.stages[place.stage];
        Barrier* full = &ring.full[place.stage];
        barrier_wait(&ring.empty[place.stage], place.parity ^ 1);
        barrier_expect(full, ring.kStageBytes);
        copy_pixels(stage.a, pixels, full, n, u * c.stride + c.first_row, v * c.stride + c.first_column,
                    slice * kTileDepth, tap / c.taps_across, tap % c.taps_across);
        copy_matrix_box(stage.b, weights, full, channel, (tap * c.slices + slice) * kTileDepth);
        place.next();
      }
  }
}

// Multiplies this warpgroup's half of every tile, and stores it.
template <int kChannels, int kStages>
__device__ void consume(ConvRing<kChannels, kStages>& ring, const Conv& c, int tiles, int tiles_across) {
  const int half = static_cast<int>(threadIdx.x) / kWarpgroup - 1, thread = static_cast<int>(threadIdx.x) % kWarpgroup;
  const int steps = c.taps * c.slices;
  Place<kStages> place;
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
    float sum[kChannels / 2];
    int before = 0;
    for (int step = 0; step < steps; ++step) {
      auto& stage = ring.stages[place.stage];
      barrier_wait(&ring.full[place.stage], place.parity);
      warpgroup_fence();
#pragma unroll
      for (int k = 0; k < kTileDepth; k += 16)
        warpgroup_multiply(sum, operand(stage.a + half * (kPixels / 2) * kTileDepth, k), operand(stage.b, k),
                           step > 0 || k > 0);
      warpgroup_commit();
      warpgroup_wait<1>();  // the products of the step before are done: its tiles may be overwritten
      if (step > 0 && thread == 0) barrier_arrive(&ring.empty[before]);
      before = place.stage;
      place.next();
    }
    warpgroup_wait<0>();
    if (thread == 0) barrier_arrive(&ring.empty[before]);

    const int row = tile / tiles_across * kPixels + half * (kPixels / 2) + thread / 32 * 16 + thread % 32 / 4;
    const int column = tile % tiles_across * kChannels + thread % 4 * 2;
#pragma unroll
    for (int j = 0; j < kChannels / 8; ++j) {
      const int channel = column + j * 8;
      if (channel >= c.channels) continue;
      const float first = c.bias ? c.bias[channel] : 0.0f, second = c.bias ? c.bias[channel + 1] : 0.0f;
#pragma unroll
      for (int h = 0; h < 2; ++h)
        if (row + h * 8 < c.pixels)
          store_pair(c.result + int64_t{row + h * 8} * c.channels + channel, sum[4 * j + 2 * h] + first,
                     sum[4 * j + 2 * h + 1] + second);
    }
  }
}

template <int kChannels, int kStages>
__global__ void __launch_bounds__(kHopperThreads, 1)
    conv_hopper(const __grid_constant__ TensorMap pixels, const __grid_constant__ TensorMap weights, const Conv c) {
  using TheRing = ConvRing<kChannels, kStages>;
  TheRing& ring = shared_memory<TheRing>();
  ring.init();
  const int tiles_across = (c.channels + kChannels - 1) / kChannels;
  const int tiles = (c.pixels + kPixels - 1) / kPixels * tiles_across;
  if (threadIdx.x < kWarpgroup) {
    registers_down<40>();
    if (threadIdx.x == 0) produce(ring, c, tiles, tiles_across, pixels, weights);
  } else {
    registers_up<232>();
    consume(ring, c, tiles, tiles_across);
  }
}

template <int kChannels, int kStages>
void run(Stream& stream, const char* name, const TensorMap& pixels, const Bf16* weights, int depth, const Conv& c) {
  const int64_t tiles = ceil_div(c.pixels, kPixels) * ceil_div(c.channels, kChannels);
  const auto blocks = static_cast<unsigned>(std::min<int64_t>(tiles, stream.device->threads));
  const TensorMap packed = matrix_map(weights, c.channels, depth, kChannels);
  launch(stream, name, dim3(blocks), dim3(kHopperThreads), sizeof(ConvRing<kChannels, kStages>),
         conv_hopper<kChannels, kStages>, pixels, packed, c);
}

int round_up(int value, int unit) { return (value + unit - 1) / unit * unit; }

struct Shape {
  int n, h, w, inputs;            // source
  int rows, columns, outputs;     // result
  int kh, kw, stride, top, left, bottom, right;
};

// w{O, I, taps} as bf16 {outputs, tap, inputs padded to 64}; turned: outputs are I, inputs O, and taps run backwards.
const Bf16* pack(Stream& stream, Workspace& workspace, const Shape& s, const float* w, bool turned) {
  const int taps = s.kh * s.kw, inputs = s.inputs, outputs = s.outputs, wide = round_up(inputs, kTileDepth);
  const int64_t n = int64_t{outputs} * taps * wide;
  Bf16* to = workspace.take<Bf16>(n);
  for_each(stream, "conv2d_pack", n, EQV_LAMBDA(int64_t at) {
    const int64_t i = at % wide, tap = at / wide % taps, o = at / wide / taps;
    const int64_t from = turned ? (i * outputs + o) * taps + taps - 1 - tap : (o * inputs + i) * taps + tap;
    to[at] = i < inputs ? dtype::narrow<Bf16>(w[from]) : Bf16{0};
  });
  return to;
}

void convolve(Stream& stream, const char* name, const Shape& s, const Tensor& source, const float* w, bool turned,
              const float* bias, const Tensor& result) {
  const int taps = s.kh * s.kw, wide = round_up(s.inputs, kTileDepth);
  Workspace workspace(stream, Workspace::bytes<Bf16>(int64_t{s.outputs} * taps * wide));
  const Bf16* weights = pack(stream, workspace, s, w, turned);
  const PixelRange range{-s.top, -s.left, s.bottom - (s.kh - 1), s.right - (s.kw - 1)};
  const TensorMap pixels = pixels_map(source.data, s.n, s.h, s.w, s.inputs, range, s.stride, kPixels);
  const Conv c{s.rows, s.columns, s.outputs, s.n * s.rows * s.columns, s.stride, -s.top, -s.left, taps, s.kw, wide / kTileDepth,
               bias, static_cast<Bf16*>(result.data)};
  if (s.outputs > 128) run<256, 4>(stream, name, pixels, weights, taps * wide, c);
  else run<128, 6>(stream, name, pixels, weights, taps * wide, c);
}

int at(const Tensor& t, int i) { return static_cast<int>(t.shape[i]); }

}  // namespace

bool hopper_takes(const Stream& stream, const Tensor& x, const Tensor& w, const Tensor& y) {
  constexpr int64_t kFewest = 32;  // below, most of a tile would be padding
  const auto fits = [](const Tensor& t) {
    return t.shape[3] % kVector == 0 && t.shape[3] >= kFewest && reinterpret_cast<uintptr_t>(t.data) % 16 == 0;
  };
  return stream.device->architecture == 90 && fits(x) && fits(y) && w.shape[2] <= 8 && w.shape[3] <= 8;
}

void conv2d_hopper_fwd(Stream& stream, const eqv_conv2d_params& p, const Tensor& x, const Tensor& w, const Tensor* bias,
                       const Tensor& y) {
  const Shape s{at(x, 0),  at(x, 1),  at(x, 2), at(x, 3), at(y, 1),   at(y, 2),    at(y, 3),
                at(w, 2),  at(w, 3),  p.stride, p.pad_top, p.pad_left, p.pad_bottom, p.pad_right};
  convolve(stream, "conv2d_fwd", s, x, f32(w), false, f32(bias), y);
}

void conv2d_hopper_bwd_input(Stream& stream, const eqv_conv2d_params& p, const Tensor& dy, const Tensor& w,
                             const Tensor& dx) {
  const int kh = at(w, 2), kw = at(w, 3);
  const Shape s{at(dy, 0), at(dy, 1), at(dy, 2), at(dy, 3), at(dx, 1), at(dx, 2), at(dx, 3), kh, kw, 1,
                kh - 1 - p.pad_top, kw - 1 - p.pad_left, kh - 1 - p.pad_bottom, kw - 1 - p.pad_right};
  convolve(stream, "conv2d_bwd_input", s, dy, f32(w), true, nullptr, dx);
}

}  // namespace eqv::gpu
