// A linear layer with an activation for sm_90a: the convolution kernel's products (conv2d/hopper_tiles.h) with another
// store. A box of results goes to shared memory rounded, without the activation. When it is whole, each thread activates 16
// bytes of it at a time into a second box: no sums of these are in registers any more, the loop is short, and both boxes are
// stored as they are.
//
// Tiles are always those of ping-pong: an activation takes longer than all the rest of a store, and there the other
// warpgroup multiplies meanwhile (docs/kernels/conv2d.md).
#include "conv2d/hopper_launch.h"
#include "conv2d/hopper_store.h"
#include "conv2d/pointwise.h"
#include "linear/activated_box.h"
#include "linear/activated_linear.h"

namespace eqv::gpu {
namespace {

using dtype::Bf16;

template <class T>
__device__ void store_activated(const Conv& c, const Function& f, const Tile& tile, const float (&sum)[kSums],
                                ActivatedStaging& staging, int& next, const TensorMap& before, const TensorMap& result) {
  const Parity& p = c.parities[0];
  const PartOfTile<T> part(tile);
  const int thread = static_cast<int>(threadIdx.x) % kWarpgroup, warp = thread / 32, lane = thread % 32;
  LaneBiases<T> bias;
  bias.read_for_tile(c.epilogue.bias, part.channels, c.channels, warp, lane);
#pragma unroll
  for (int b = 0; b < kBoxes; ++b) {
    if (!part.has(c, p, b)) break;
    const int pixel = part.pixel(b), channel = part.channel(b);
    Bf16 *sums = staging.before[next], *activated = staging.after[next];
    next ^= 1;
    bias.read_for_box(c.epilogue.bias, channel, c.channels, lane);
    if (thread == 0) wait_for_stores<1>();
    warpgroup_barrier();  // no store reads these boxes any more
    place_results(sum, b, bias, sums, false, warp, lane, [](float v) { return v; });
    activate_box(f, sums, activated, thread);
    fence_async_proxy();
    warpgroup_barrier();
    if (thread == 0) {
      if (f.keeps) store_matrix_box(sums, before, pixel, channel);
      store_matrix_box(activated, result, pixel, channel);
      commit_stores();
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kHopperThreads, 1)
    linear_hopper(const __grid_constant__ PixelMaps pixels, const __grid_constant__ TensorMap weights,
                  const __grid_constant__ TensorMap before, const __grid_constant__ TensorMap result,
                  const __grid_constant__ Conv c, const __grid_constant__ Function f) {
  convolve_tiles<T, ActivatedStaging>(
      c, pixels, weights, [](const Tile&, ActivatedStaging&, int) {},
      [&](const Tile& tile, const float(&sum)[kSums], ActivatedStaging& staging, int& next) {
        store_activated<T>(c, f, tile, sum, staging, next, before, result);
      });
}

template <class T>
void run(Stream& stream, Conv c, const Function& f, const Tensor& x, const PackedMatrix<Bf16>& w, const Tensor& before,
         const Tensor& y) {
  const TiledConv<T> tiled(stream, c, x, w);
  launch_clusters(stream, "linear_fwd", kConvBlocks, tiled.grid, dim3(kHopperThreads),
                  sizeof(ConvShared<T, ActivatedStaging>), linear_hopper<T>, tiled.pixels, tiled.weights,
                  result_map(before, kBoxPixels), result_map(y, kBoxPixels), c, f);
}

}  // namespace

void linear_hopper_fwd(Stream& stream, const eqv_activation_params& p, const Tensor& x, const Tensor& w, const Tensor* bias,
                       const Tensor* before, const Tensor& y) {
  Workspace workspace(stream, packed_bytes<Bf16>(w, PackedPart::kForward, nullptr));
  const auto weights = packed_weights<Bf16>(stream, workspace, w, PackedPart::kForward, nullptr);
  Conv c = forward_conv(kPointwise, w, y);
  c.epilogue.bias = f32(bias);
  complete(c, weights, y);
  const Function f{p.kind, p.slope, before != nullptr};
  const Tensor& sums = before ? *before : y;
  if (swaps_ab(c.channels))
    run<Tiling<true, true>>(stream, c, f, x, weights, sums, y);
  else
    run<Tiling<false, true>>(stream, c, f, x, weights, sums, y);
}

}  // namespace eqv::gpu
