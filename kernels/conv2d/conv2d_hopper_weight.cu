// Weight gradient of a convolution on bf16 activations for sm_90a: channels of dy × (tap, channel of x), over the pixels of
// y. Both operands are read as they lie in memory, a tile's rows being pixels: the products take them transposed. The
// columns are cut into boxes of 64 channels of one tap, of which a tile has four, whatever taps they belong to.
//
// All steps of 64 pixels of all tiles are one line of work, cut into equal pieces, a block each: whatever the shape, every
// multiprocessor has the same to do. A block that begins or ends inside a tile has only a part of its sum; the parts lie in
// memory and are added in their order by a second kernel, which also turns them into PyTorch's order of weights.
#include "common/values.h"
#include "conv2d/conv2d_hopper.h"
#include "conv2d/hopper_ring.h"

namespace eqv::gpu {
namespace {

using dtype::Bf16;

constexpr int kBox = 64, kRows = 128, kColumns = 256, kStages = 4, kTile = kRows * kColumns;
using WeightRing = Ring<kRows, kColumns, kStages>;

struct Work {
  int rows, columns;  // of y
  int stride, first_row, first_column;
  int taps_across, slices, boxes;           // slices of 64 channels; boxes = taps · slices
  int steps, tiles_across, units, piece;    // a unit is one step of one tile; piece: units of a block
  int parts;                                // at most, of one tile
  float* sums;                              // {tile, part, kRows, kColumns}

  __host__ __device__ int first_block(int tile) const { return tile * steps / piece; }
};

__device__ void produce(WeightRing& ring, const Work& w, int begin, int end, const TensorMap& x, const TensorMap& dy) {
  Place<kStages> place;
  for (int unit = begin; unit < end; ++unit) {
    const int tile = unit / w.steps, pixel = (unit - tile * w.steps) * kTileDepth;
    const int v = pixel % w.columns, line = pixel / w.columns, u = line % w.rows, n = line / w.rows;
    auto& stage = ring.stages[place.stage];
    Barrier* full = &ring.full[place.stage];
    barrier_wait(&ring.empty[place.stage], place.parity ^ 1);
    barrier_expect(full, ring.kStageBytes);
    for (int i = 0; i < kRows / kBox; ++i)
      copy_matrix_box(stage.a + i * kBox * kTileDepth, dy, full, pixel, tile / w.tiles_across * kRows + i * kBox);
    for (int i = 0; i < kColumns / kBox; ++i) {
      // Beyond the last box it is read again: what comes of it is not used.
      const int box = std::min(tile % w.tiles_across * (kColumns / kBox) + i, w.boxes - 1), tap = box / w.slices;
      copy_pixels(stage.b + i * kBox * kTileDepth, x, full, n, u * w.stride + w.first_row, v * w.stride + w.first_column,
                  (box - tap * w.slices) * kBox, tap / w.taps_across, tap % w.taps_across);
    }
    place.next();
  }
}

__device__ void store(const Work& w, int tile, int half, int thread, const float (&sum)[kColumns / 2]) {
  const int part = static_cast<int>(blockIdx.x) - w.first_block(tile);
  const int row = half * kBox + thread / 32 * 16 + thread % 32 / 4, column = thread % 4 * 2;
  float* to = w.sums + (int64_t{tile} * w.parts + part) * kTile + row * kColumns + column;
#pragma unroll
  for (int j = 0; j < kColumns / 8; ++j)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float* at = to + h * 8 * kColumns + j * 8;
      at[0] = sum[4 * j + 2 * h];
      at[1] = sum[4 * j + 2 * h + 1];
    }
}

__device__ void consume(WeightRing& ring, const Work& w, int begin, int end) {
  const int half = static_cast<int>(threadIdx.x) / kWarpgroup - 1, thread = static_cast<int>(threadIdx.x) % kWarpgroup;
  Place<kStages> place;
  while (begin < end) {
    const int tile = begin / w.steps, stop = std::min(end, (tile + 1) * w.steps);
    float sum[kColumns / 2];
    int before = 0;
    for (int unit = begin; unit < stop; ++unit) {
      auto& stage = ring.stages[place.stage];
      barrier_wait(&ring.full[place.stage], place.parity);
      warpgroup_fence();
#pragma unroll
      for (int k = 0; k < kTileDepth; k += 16)
        warpgroup_multiply<true>(sum, operand_transposed<kTileDepth>(stage.a + half * kBox * kTileDepth, k),
                                 operand_transposed<kTileDepth>(stage.b, k), unit > begin || k > 0);
      warpgroup_commit();
      warpgroup_wait<1>();  // the products of the step before are done: its tiles may be overwritten
      if (unit > begin && thread == 0) barrier_arrive(&ring.empty[before]);
      before = place.stage;
      place.next();
    }
    warpgroup_wait<0>();
    if (thread == 0) barrier_arrive(&ring.empty[before]);
    store(w, tile, half, thread, sum);
    begin = stop;
  }
}

__global__ void __launch_bounds__(kHopperThreads, 1)
    weight_gradient_hopper(const __grid_constant__ TensorMap x, const __grid_constant__ TensorMap dy, const Work w) {
  WeightRing& ring = shared_memory<WeightRing>();
  ring.init();
  const int begin = static_cast<int>(blockIdx.x) * w.piece, end = std::min(w.units, begin + w.piece);
  if (threadIdx.x < kWarpgroup) {
    registers_down<40>();
    if (threadIdx.x == 0) produce(ring, w, begin, end, x, dy);
  } else {
    registers_up<232>();
    consume(ring, w, begin, end);
  }
}

int at(const Tensor& t, int i) { return static_cast<int>(t.shape[i]); }
int up(int a, int b) { return (a + b - 1) / b; }

}  // namespace

void conv2d_hopper_bwd_weight(Stream& stream, const eqv_conv2d_params& p, const Tensor& x, const Tensor& dy,
                              const Tensor& dw) {
  const int outputs = at(dw, 0), inputs = at(dw, 1), kh = at(dw, 2), kw = at(dw, 3), taps = kh * kw;
  const int pixels = at(dy, 0) * at(dy, 1) * at(dy, 2);
  Work w{};
  w.rows = at(dy, 1), w.columns = at(dy, 2), w.stride = p.stride, w.first_row = -p.pad_top, w.first_column = -p.pad_left;
  w.taps_across = kw, w.slices = up(inputs, kBox), w.boxes = taps * w.slices;
  w.steps = up(pixels, kTileDepth), w.tiles_across = up(w.boxes, kColumns / kBox);
  const int tiles = up(outputs, kRows) * w.tiles_across;
  w.units = tiles * w.steps;
  w.piece = up(w.units, stream.device->threads);
  w.parts = up(w.steps, w.piece) + 1;
  const int64_t floats = int64_t{tiles} * w.parts * kTile;
  Workspace workspace(stream, Workspace::bytes<float>(floats));
  w.sums = workspace.take<float>(floats);

  const PixelRange range{-p.pad_top, -p.pad_left, p.pad_bottom - (kh - 1), p.pad_right - (kw - 1)};
  const TensorMap x_map = pixels_map(x.data, at(x, 0), at(x, 1), at(x, 2), inputs, range, p.stride, kTileDepth);
  const TensorMap dy_map = matrix_map(dy.data, pixels, outputs, kTileDepth);
  launch(stream, "conv2d_bwd_weight", dim3(static_cast<unsigned>(up(w.units, w.piece))), dim3(kHopperThreads),
         sizeof(WeightRing), weight_gradient_hopper, x_map, dy_map, w);

  // In the order of the sums, whose reads are the most; what lies beyond the channels is left out.
  const int wide = w.tiles_across * kColumns;
  float* to = f32(dw);
  for_each(stream, "conv2d_bwd_weight", int64_t{outputs} * wide, EQV_LAMBDA(int64_t i) {
    const int o = static_cast<int>(i) / wide, column = static_cast<int>(i) - o * wide;
    const int tap = column / (w.slices * kBox), c = column - tap * w.slices * kBox;
    if (tap >= taps || c >= inputs) return;
    const int tile = o / kRows * w.tiles_across + column / kColumns;
    const int parts = ((tile + 1) * w.steps - 1) / w.piece - w.first_block(tile) + 1;
    const float* from = w.sums + int64_t{tile} * w.parts * kTile + o % kRows * kColumns + column % kColumns;
    float sum = 0;
    for (int part = 0; part < parts; ++part) sum += from[int64_t{part} * kTile];
    to[(int64_t{o} * inputs + c) * taps + tap] = sum;
  });
}

}  // namespace eqv::gpu
