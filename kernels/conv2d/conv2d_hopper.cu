// Convolution on bf16 activations for sm_90a: implicit matrix products, pixels of the result × channels of the result over
// (tap, channel), whose operands the tensor memory accelerator brings as tiles (pixels of one tap; rows of packed
// weights) and whole warpgroups multiply. Of a block, the first thread of one warpgroup is the producer
// and two warpgroups are the consumers of a pipeline of tiles. Blocks are persistent, one a multiprocessor, in clusters of two.
//
// The input gradient is, for every parity that a pixel can have with the stride, a convolution of dy with stride 1: with the
// taps that reach such pixels, in reverse order, and its channels swapped. Its results lie a stride apart. All parities are
// one launch, those with the most taps first.
#include "conv2d/conv2d_hopper.h"

#include "conv2d/hopper_store.h"
#include "conv2d/pack_weights.h"
#include "conv2d/parity.h"

namespace eqv::gpu {
namespace {

using dtype::Bf16;

template <class T>
struct ConvShared {
  typename T::Pipe pipeline;
  Staging staging[2];
  OrderedSequenceBarrier order;
};

template <class T>
__global__ void __launch_bounds__(kHopperThreads, 1)
    conv_hopper(const __grid_constant__ PixelMaps pixels, const __grid_constant__ TensorMap weights,
                const __grid_constant__ TensorMap result, const __grid_constant__ Conv c) {
  using Shared = ConvShared<T>;
  static_assert(sizeof(Shared) <= 227 << 10, "a block of sm_90 has 227 KiB of shared memory");
  Shared& shared = shared_memory<Shared>();
  shared.order.init();
  shared.pipeline.init(T::kPingPong ? 1 : 2, c.report);
  if (threadIdx.x < kWarpgroup) {
    registers_down<40>();
    if (threadIdx.x == 0) produce<T>(shared.pipeline, c, pixels, weights);
  } else {
    registers_up<232>();
    Staging& staging = shared.staging[threadIdx.x / kWarpgroup - 1];
    int next = 0;
    consume<T>(
        shared.pipeline, shared.order, c, [&](const Tile& tile) { begin_tile<T>(c, tile, staging, next); },
        [&](const Tile& tile, const float(&sum)[kSums]) { store_tile<T>(c, tile, sum, staging, next, result); });
    wait_for_stores<0>();
  }
  shared.pipeline.finish();
}

int round_up(int v, int unit) { return (v + unit - 1) / unit * unit; }
int at(const Tensor& t, int i) { return static_cast<int>(t.shape[i]); }

using Weights = PackedMatrix<Bf16>;
static_assert(kPackedUnit == kTileDepth, "a tile of weights is of one tap");

template <class T>
void run(Stream& stream, const char* name, Conv c, const Tensor& source, const Weights& w, const Tensor& result) {
  const int images = at(source, 0), h = at(source, 1), across = at(source, 2);
  PixelMaps pixels{};
  int pairs = 0;
  for (int i = 0; i < c.count; ++i) {
    Parity& p = c.parities[i];
    const PixelRange range{.first_row = p.first_row,
                           .first_column = p.first_column,
                           .beyond_rows = p.first_row + (p.rows - 1) * c.stride - (h - 1),
                           .beyond_columns = p.first_column + (p.columns - 1) * c.stride - (across - 1)};
    pixels.of[i] = pixels_map(source.data, images, h, across, at(source, 3), range, c.stride, T::kPixels);
    p.pairs_before = pairs;
    pairs += static_cast<int>(ceil_div(p.pixels, kConvBlocks * T::kPixels));
  }
  c.channel_tiles = static_cast<int>(ceil_div(c.channels, T::kChannels));
  c.work = pairs * c.channel_tiles;
  const TensorMap weights = matrix_map(w.data, w.lines, int64_t{w.taps} * w.depth, T::kWeightRows);
  const TensorMap out = matrix_map(result.data, int64_t{images} * c.height * c.width, c.channels, kBoxPixels);
  const int clusters = std::min(c.work, std::max(1, stream.device->threads / kConvBlocks));
  launch_clusters(stream, name, kConvBlocks, dim3(static_cast<unsigned>(clusters * kConvBlocks)), dim3(kHopperThreads),
                  sizeof(ConvShared<T>), conv_hopper<T>, pixels, weights, out, c);
}

// Which tiles: docs/kernels/conv2d.md has the arithmetic.
void convolve(Stream& stream, const char* name, Conv c, const Tensor& source, const Weights& w, const Tensor& result) {
  c.channels = w.lines;
  c.height = at(result, 1), c.width = at(result, 2);
  c.slices = w.depth / kTileDepth;
  c.result = static_cast<Bf16*>(result.data);
  c.report = wait_report();
  const Parity& most = c.parities[0];
  const int steps = most.taps_down * most.taps_across * c.slices;
  // Tiles with 256 channels read the fewest bytes. If the channels would be mostly padding there, they are the side of 128.
  const bool swap_ab = round_up(c.channels, 128) < round_up(c.channels, 256);
  // Ping-pong: tiles of 64 × 256, which read more shared memory than 128 × 256 (1280 clocks instead of 1024). It is still
  // better where a tile's store takes longer than its few products, or where there are only 64 channels.
  constexpr int kShort = 6;
  const bool ping_pong = steps <= kShort || c.channels <= 64;
  if (swap_ab && ping_pong) run<Tiling<true, true>>(stream, name, c, source, w, result);
  else if (swap_ab) run<Tiling<true, false>>(stream, name, c, source, w, result);
  else if (ping_pong) run<Tiling<false, true>>(stream, name, c, source, w, result);
  else run<Tiling<false, false>>(stream, name, c, source, w, result);
}

void convolve(Stream& stream, const char* name, Conv c, const Tensor& source, const Tensor& w, PackedPart part,
              const Tensor* packed, const Tensor& result, GroupStatistics statistics) {
  for (int i = 0; i < c.count; ++i) statistics.add_product(c.parities[i].rows * c.parities[i].columns);
  Workspace workspace(stream, packed_bytes<Bf16>(w, part, packed) + statistics.bytes());
  statistics.take(workspace);
  for (int i = 0; i < c.count; ++i) c.parities[i].patches = statistics.patches(i);
  convolve(stream, name, c, source, packed_weights<Bf16>(stream, workspace, w, part, packed), result);
  statistics.finish(stream);
}

}  // namespace

bool hopper_takes(const Stream& stream, const Tensor& x, const Tensor& w, const Tensor& y, const Tensor* residual) {
  constexpr int64_t kFewest = 32;  // below, most of a tile would be padding
  const auto fits = [](const Tensor& t) {
    return t.shape[3] % kVector == 0 && t.shape[3] >= kFewest && reinterpret_cast<uintptr_t>(t.data) % 16 == 0;
  };
  return stream.device->architecture == 90 && fits(x) && fits(y) && (!residual || fits(*residual)) && w.shape[2] <= 8 &&
         w.shape[3] <= 8;
}

void conv2d_hopper_fwd(Stream& stream, const eqv_conv2d_params& p, const Tensor& x, const Tensor& w,
                       const Tensor* packed, const Tensor* bias, const Tensor* residual, const Tensor& y,
                       const Tensor* stats) {
  Conv c{};
  c.count = 1, c.step = 1, c.stride = p.stride, c.epilogue = epilogue<Bf16>(p, bias, residual);
  c.parities[0] = {.rows = at(y, 1),
                   .columns = at(y, 2),
                   .pixels = at(y, 0) * at(y, 1) * at(y, 2),
                   .i0 = 0,
                   .j0 = 0,
                   .first_row = -p.pad_top,
                   .first_column = -p.pad_left,
                   .taps_down = at(w, 2),
                   .taps_across = at(w, 3),
                   .weight_tap = 0,
                   .weight_down = at(w, 3),
                   .weight_across = 1,
                   .pairs_before = 0,
                   .patches = {}};
  convolve(stream, "conv2d_fwd", c, x, w, PackedPart::kForward, packed, y, GroupStatistics(p, y, stats, kPatchRows));
}

void conv2d_hopper_bwd_input(Stream& stream, const eqv_conv2d_params& p, const Tensor& dy, const Tensor& w,
                             const Tensor* packed, const Tensor* bias, const Tensor* residual, const Tensor& dx,
                             const Tensor* stats) {
  const int images = at(dx, 0), kernel_width = at(w, 3);
  Conv c{};
  c.step = p.stride, c.stride = 1, c.epilogue = epilogue<Bf16>(p, bias, residual);
  // The taps in reverse: each one reads the pixel after that of the one before.
  each_parity(p, w, dx, [&](const AxisParity& down, const AxisParity& across) {
    const int last_down = down.taps - 1, last_across = across.taps - 1;
    c.parities[c.count++] = {.rows = down.pixels,
                             .columns = across.pixels,
                             .pixels = images * down.pixels * across.pixels,
                             .i0 = down.parity,
                             .j0 = across.parity,
                             .first_row = down.source(0, last_down),
                             .first_column = across.source(0, last_across),
                             .taps_down = down.taps,
                             .taps_across = across.taps,
                             .weight_tap = down.tap(last_down) * kernel_width + across.tap(last_across),
                             .weight_down = -p.stride * kernel_width,
                             .weight_across = -p.stride,
                             .pairs_before = 0,
                             .patches = {}};
  });
  const auto taps = [](const Parity& q) { return q.taps_down * q.taps_across; };
  std::stable_sort(c.parities, c.parities + c.count, [&](const Parity& a, const Parity& b) { return taps(a) > taps(b); });
  convolve(stream, "conv2d_bwd_input", c, dy, w, PackedPart::kBackward, packed, dx,
           GroupStatistics(p, dx, stats, kPatchRows));
}

}  // namespace eqv::gpu
