// Convolution on bf16 activations for sm_90a: implicit matrix products, pixels of the result × channels of the result over
// (tap, channel), whose operands the tensor memory accelerator brings as tiles (pixels of one tap; rows of packed
// weights) and whole warpgroups multiply. Of a block, the first thread of one warpgroup is the producer
// and two warpgroups are the consumers of a pipeline of tiles. Blocks are persistent, one a multiprocessor, in clusters of two.
//
// The input gradient is, for every parity that a pixel can have with the stride, a convolution of dy with stride 1: with the
// taps that reach such pixels, in reverse order, and its channels swapped. Its results lie a stride apart. All parities are
// one launch, those with the most taps first.
#include "conv2d/conv2d_hopper.h"

#include "conv2d/hopper_launch.h"
#include "conv2d/hopper_store.h"
#include "conv2d/parity.h"

namespace eqv::gpu {
namespace {

using dtype::Bf16;
using Weights = PackedMatrix<Bf16>;

template <class T>
__global__ void __launch_bounds__(kHopperThreads, 1)
    conv_hopper(const __grid_constant__ PixelMaps pixels, const __grid_constant__ TensorMap weights,
                const __grid_constant__ TensorMap result, const __grid_constant__ Conv c) {
  convolve_tiles<T, Staging>(
      c, pixels, weights, [&](const Tile& tile, Staging& staging, int next) { begin_tile<T>(c, tile, staging, next); },
      [&](const Tile& tile, const float(&sum)[kSums], Staging& staging, int& next) {
        store_tile<T>(c, tile, sum, staging, next, result);
      });
}

template <class T>
void run(Stream& stream, const char* name, Conv c, const Tensor& source, const Weights& w, const Tensor& result) {
  const TiledConv<T> tiled(stream, c, source, w);
  launch_clusters(stream, name, kConvBlocks, tiled.grid, dim3(kHopperThreads), sizeof(ConvShared<T, Staging>), conv_hopper<T>,
                  tiled.pixels, tiled.weights, T::kSlabs ? slab_result_map(result) : result_map(result, kBoxPixels), c);
}

// Which tiles: docs/kernels/conv2d.md has the arithmetic.
void convolve(Stream& stream, const char* name, Conv c, const Tensor& source, const Weights& w, const Tensor& result) {
  complete(c, w, result);
  const Parity& most = c.parities[0];
  const int steps = most.taps_down * most.taps_across * c.slices;
  const bool swap_ab = swaps_ab(c.channels);
  // Ping-pong: tiles of 64 × 256, which read more shared memory than 128 × 256 (1280 clocks instead of 1024). It is still
  // better where a tile's store takes longer than its few products, or where there are only 64 channels.
  constexpr int kShort = 6;
  const bool ping_pong = steps <= kShort || c.channels <= 64;
  if (swap_ab && ping_pong) run<Tiling<true, true>>(stream, name, c, source, w, result);
  else if (swap_ab && takes_slabs<SlabTiling<true>>(c)) run<SlabTiling<true>>(stream, name, c, source, w, result);
  else if (swap_ab) run<Tiling<true, false>>(stream, name, c, source, w, result);
  else if (ping_pong) run<Tiling<false, true>>(stream, name, c, source, w, result);
  else if (takes_slabs<SlabTiling<false>>(c)) run<SlabTiling<false>>(stream, name, c, source, w, result);
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
  Conv c = forward_conv(p, w, y);
  c.epilogue = epilogue<Bf16>(p, bias, residual);
  convolve(stream, "conv2d_fwd", c, x, w, PackedPart::kForward, packed, y, GroupStatistics(p, y, stats, kPatchRows));
}

void conv2d_hopper_bwd_input(Stream& stream, const eqv_conv2d_params& p, const Tensor& dy, const Tensor& w,
                             const Tensor* packed, const Tensor* bias, const Tensor* residual, const Tensor& dx,
                             const Tensor* stats) {
  const int images = dimension(dx, 0), kernel_width = dimension(w, 3);
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
