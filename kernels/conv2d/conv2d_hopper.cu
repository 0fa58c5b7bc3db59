// Convolution on bf16 activations for sm_90a: implicit matrix products, pixels of the result × channels of the result over
// (tap, channel), whose operands the tensor memory accelerator brings as tiles (pixels of one tap; rows of packed
// weights) and whole warpgroups multiply. One warpgroup's first thread only starts copies; two multiply, each half of the
// tile's pixels. A ring of tiles lies between them, guarded by two barriers a tile: `full` when its bytes are there,
// `empty` when both have read it. Blocks are as many as multiprocessors and walk over the tiles.
//
// The input gradient is, for every parity that a pixel can have with the stride, a convolution of dy with stride 1: with the
// taps that reach such pixels, in reverse order, and its channels swapped. Its results lie a stride apart.
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
  int height, width, step, i0, j0;    // of the image where result (u, v) is pixel (u·step + i0, v·step + j0)
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

__device__ inline Bf16* place_of(const Conv& c, int pixel) {
  const int v = pixel % c.columns, line = pixel / c.columns, u = line % c.rows, n = line / c.rows;
  return c.result + ((int64_t{n} * c.height + u * c.step + c.i0) * c.width + v * c.step + c.j0) * c.channels;
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
    Bf16* const to[2] = {place_of(c, row), place_of(c, row + 8)};
#pragma unroll
    for (int j = 0; j < kChannels / 8; ++j) {
      const int channel = column + j * 8;
      if (channel >= c.channels) continue;
      const float first = c.bias ? c.bias[channel] : 0.0f, second = c.bias ? c.bias[channel + 1] : 0.0f;
#pragma unroll
      for (int h = 0; h < 2; ++h)
        if (row + h * 8 < c.pixels) store_pair(to[h] + channel, sum[4 * j + 2 * h] + first, sum[4 * j + 2 * h + 1] + second);
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

// The taps of a product along one axis: tap t is the kernel's tap first + t·step.
struct Taps {
  int count, first, step;
};

struct Product {
  Taps down, across;
  int first_row, first_column;  // the pixel of the source that tap (0, 0) of result (0, 0) reads
  int stride;                   // through the source
  int rows, columns;            // of the result
  int step, i0, j0;             // see Conv
};

// w{O, I, kernel} as bf16 {lines, tap, depth padded to 64}: lines and depth are O and I, or swapped.
const Bf16* pack(Stream& stream, Workspace& workspace, const Product& p, const Tensor& w, bool swapped) {
  const int inputs = static_cast<int>(w.shape[1]), kernel_height = static_cast<int>(w.shape[2]),
            kernel_width = static_cast<int>(w.shape[3]);
  const int lines = static_cast<int>(w.shape[swapped ? 1 : 0]), depth = static_cast<int>(w.shape[swapped ? 0 : 1]);
  const int wide = round_up(depth, kTileDepth), across = p.across.count, taps = p.down.count * across;
  const Taps down = p.down, side = p.across;
  const float* from = f32(w);
  const int64_t n = int64_t{lines} * taps * wide;
  Bf16* to = workspace.take<Bf16>(n);
  for_each(stream, "conv2d_pack", n, EQV_LAMBDA(int64_t at) {
    const int64_t i = at % wide, tap = at / wide % taps, line = at / wide / taps;
    const int64_t r = down.first + tap / across * down.step, s = side.first + tap % across * side.step;
    const int64_t pair = swapped ? i * inputs + line : line * inputs + i;
    to[at] = i < depth ? dtype::narrow<Bf16>(from[(pair * kernel_height + r) * kernel_width + s]) : Bf16{0};
  });
  return to;
}

void convolve(Stream& stream, const char* name, const Product& p, const Tensor& source, const Tensor& w, bool swapped,
              const float* bias, const Tensor& result) {
  const auto at = [](const Tensor& t, int i) { return static_cast<int>(t.shape[i]); };
  const int images = at(source, 0), h = at(source, 1), across = at(source, 2), depth = at(source, 3), lines = at(result, 3);
  const int taps = p.down.count * p.across.count, wide = round_up(depth, kTileDepth);
  Workspace workspace(stream, Workspace::bytes<Bf16>(int64_t{lines} * taps * wide));
  const Bf16* weights = pack(stream, workspace, p, w, swapped);
  const PixelRange range{p.first_row, p.first_column, p.first_row + (p.rows - 1) * p.stride - (h - 1),
                         p.first_column + (p.columns - 1) * p.stride - (across - 1)};
  const TensorMap pixels = pixels_map(source.data, images, h, across, depth, range, p.stride, kPixels);
  const Conv c{p.rows,         p.columns, lines,          images * p.rows * p.columns,
               at(result, 1),  at(result, 2), p.step, p.i0, p.j0,
               p.stride,       p.first_row, p.first_column, taps, p.across.count, wide / kTileDepth,
               bias,           static_cast<Bf16*>(result.data)};
  if (lines > 128) run<256, 4>(stream, name, pixels, weights, taps * wide, c);
  else run<128, 6>(stream, name, pixels, weights, taps * wide, c);
}

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
  const auto at = [](const Tensor& t, int i) { return static_cast<int>(t.shape[i]); };
  const Product product{{at(w, 2), 0, 1}, {at(w, 3), 0, 1}, -p.pad_top, -p.pad_left, p.stride, at(y, 1), at(y, 2), 1, 0, 0};
  convolve(stream, "conv2d_fwd", product, x, w, false, f32(bias), y);
}

void conv2d_hopper_bwd_input(Stream& stream, const eqv_conv2d_params& p, const Tensor& dy, const Tensor& w, const Tensor* bias,
                             const Tensor& dx) {
  const int height = static_cast<int>(dx.shape[1]), width = static_cast<int>(dx.shape[2]);
  // Along one axis, pixels stride·u + parity of dx: kernel taps first, first + stride, … reach them, from rows
  // (parity + pad − first) / stride + u, and one less for each further tap.
  struct Axis {
    Taps taps;
    int first, count;
  };
  const auto axis = [&](int parity, int pad, int64_t kernel, int size) {
    const int first = (parity + pad) % p.stride, taps = (static_cast<int>(kernel) - first + p.stride - 1) / p.stride;
    return Axis{{taps, first + (taps - 1) * p.stride, -p.stride}, (parity + pad - first) / p.stride - (taps - 1),
                (size - parity + p.stride - 1) / p.stride};
  };
  for (int i = 0; i < p.stride && i < height; ++i)
    for (int j = 0; j < p.stride && j < width; ++j) {
      const Axis down = axis(i, p.pad_top, w.shape[2], height), across = axis(j, p.pad_left, w.shape[3], width);
      const Product product{down.taps,  across.taps,  down.first, across.first, 1,
                            down.count, across.count, p.stride,   i,            j};
      convolve(stream, "conv2d_bwd_input", product, dy, w, true, f32(bias), dx);
    }
}

}  // namespace eqv::gpu
