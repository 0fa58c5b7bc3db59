// Weight gradient of a convolution on bf16 activations for sm_90a: channels of dy × (tap, channel of x), over the pixels of
// y. Both operands are read as they lie in memory, a tile's rows being pixels: the products take them transposed. The
// columns are cut into boxes of 64 channels of one tap, of which a tile has four, whatever taps they belong to.
//
// Where tiles can be paired without a remainder, two blocks are a cluster. If the two tiles have the same columns, each block
// loads half of x for both; if they have the same rows, half of dy.
//
// All steps of 64 pixels of all tiles (or pairs) are one sequence, cut into equal pieces, one for each block (or cluster):
// whatever the shape, every multiprocessor has the same amount of work. A block that begins or ends inside a tile has only a
// part of its sum; the parts are stored, and a second kernel adds them in order and writes the sums in PyTorch's order of
// weights.
#include "common/values.h"
#include "conv2d/conv2d_hopper.h"
#include "conv2d/hopper_pipeline.h"

namespace eqv::gpu {
namespace {

using dtype::Bf16;

constexpr int kBox = 64, kRows = 128, kColumns = 256, kStages = 4, kTile = kRows * kColumns;
constexpr int kBBoxes = kColumns / kBox;  // of a tile
template <int kBlocks>
using WeightPipeline = Pipeline<Operands<kRows, kColumns>, kStages, kBlocks>;

// How tiles are given to the blocks of a cluster.
enum class Pairs { none, down, across };

struct BoxOfTap {
  int channel, tap;  // tap: row · 256 + column
};

struct Work {
  int rows, columns;  // of y
  int stride, first_row, first_column;
  int taps_across, slices, boxes;           // slices of 64 channels; boxes = taps · slices
  Pairs pairs;
  int steps, across;  // of pixels; pairs of tiles (or tiles) along the columns
  int next_rows, next_columns;  // from the first pixel of a step to that of the next
  int units, piece;   // a unit is one step of one pair; piece: units of a cluster
  int parts;          // at most, of one tile
  float* sums;        // {pair, block of the cluster, part, kRows, kColumns}
  uint64_t* report;   // of waits that do not end

  // A box of 64 channels of one tap. Beyond the last box the last one is read again; its products are not used.
  __device__ BoxOfTap box(int number) const {
    const int box = std::min(number, boxes - 1), tap = box / slices, r = tap / taps_across;
    return {(box - tap * slices) * kBox, r << 8 | (tap - r * taps_across)};
  }
  __host__ __device__ int blocks() const { return pairs == Pairs::none ? 1 : 2; }
  __host__ __device__ int first_cluster(int pair) const { return pair * steps / piece; }
  // The tile of a pair that the cluster's block `rank` computes.
  __host__ __device__ int row_tile(int pair, int rank) const {
    return pairs == Pairs::down ? pair / across * 2 + rank : pair / across;
  }
  __host__ __device__ int column_tile(int pair, int rank) const {
    return pairs == Pairs::across ? pair % across * 2 + rank : pair % across;
  }
};

// `boxes`: this thread's own, for the boxes of a tile; it has no registers for them.
template <Pairs kPairs, int kBlocks>
__device__ void produce(WeightPipeline<kBlocks>& pipeline, BoxOfTap* boxes, const Work& w, int begin, int end, const TensorMap& x,
                        const TensorMap& dy) {
  constexpr int kABoxes = kRows / kBox, kBoxSize = kBox * kTileDepth;
  const int rank = static_cast<int>(cluster_rank());
  // Of an operand that both blocks read, each brings half of the boxes to both.
  constexpr bool kShareA = kPairs == Pairs::across, kShareB = kPairs == Pairs::down;
  constexpr int kACount = kShareA ? kABoxes / 2 : kABoxes, kBCount = kShareB ? kBBoxes / 2 : kBBoxes;
  const int a_first = kShareA ? rank * kACount : 0, b_first = kShareB ? rank * kBCount : 0;
  PipelineState<kStages> state;
  while (begin < end) {
    // These divisions take a dozen instructions or more each, so they are done once per tile, not per step.
    const int pair = begin / w.steps, stop = std::min(end, (pair + 1) * w.steps);
    int pixel = (begin - pair * w.steps) * kTileDepth;
    int line = pixel / w.columns, v = pixel - line * w.columns, n = line / w.rows, u = line - n * w.rows;
    const int row = w.row_tile(pair, rank) * kRows, column = w.column_tile(pair, rank) * kBBoxes;
    for (int i = b_first; i < b_first + kBCount; ++i) boxes[i] = w.box(column + i);
    for (; begin < stop; ++begin) {
      const int first_row = u * w.stride + w.first_row, first_column = v * w.stride + w.first_column;
      Barrier* full = pipeline.producer_acquire(state.stage, state.phase ^ 1);
      auto& stage = pipeline.stages[state.stage];
      for (int i = a_first; i < a_first + kACount; ++i) {
        if (kShareA) multicast_matrix_box(stage.a + i * kBoxSize, dy, full, pipeline.kEveryBlock, pixel, row + i * kBox);
        else copy_matrix_box(stage.a + i * kBoxSize, dy, full, pixel, row + i * kBox);
      }
      for (int i = b_first; i < b_first + kBCount; ++i) {
        const BoxOfTap box = boxes[i];
        if (kShareB)
          multicast_pixels(stage.b + i * kBoxSize, x, full, pipeline.kEveryBlock, n, first_row, first_column, box.channel,
                           box.tap >> 8, box.tap & 255);
        else copy_pixels(stage.b + i * kBoxSize, x, full, n, first_row, first_column, box.channel, box.tap >> 8, box.tap & 255);
      }
      state.advance();
      pixel += kTileDepth;
      v += w.next_columns, u += w.next_rows;
      if (v >= w.columns) v -= w.columns, ++u;
      while (u >= w.rows) u -= w.rows, ++n;
    }
  }
}

__device__ inline void store(const Work& w, int pair, int half, int thread, const float (&sum)[kColumns / 2]) {
  const int part = static_cast<int>(blockIdx.x) / w.blocks() - w.first_cluster(pair);
  const int tile = pair * w.blocks() + static_cast<int>(cluster_rank());
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

template <int kBlocks>
__device__ void consume(WeightPipeline<kBlocks>& pipeline, const Work& w, int begin, int end) {
  const int half = static_cast<int>(threadIdx.x) / kWarpgroup - 1;
  const unsigned thread = threadIdx.x % kWarpgroup;
  PipelineState<kStages> state;
  while (begin < end) {
    const int pair = begin / w.steps, stop = std::min(end, (pair + 1) * w.steps);
    float sum[kColumns / 2];
    int before = 0;
    for (int unit = begin; unit < stop; ++unit) {
      auto& stage = pipeline.stages[state.stage];
      pipeline.consumer_wait(state.stage, state.phase);
      warpgroup_fence();
#pragma unroll
      for (int k = 0; k < kTileDepth; k += 16)
        warpgroup_multiply<true>(sum, operand_transposed<kTileDepth>(stage.a + half * kBox * kTileDepth, k),
                                 operand_transposed<kTileDepth>(stage.b, k), unit > begin || k > 0);
      warpgroup_commit();
      warpgroup_wait<1>();  // the products of the step before are done: its tiles may be overwritten
      if (unit > begin) pipeline.consumer_release(before, thread);
      before = state.stage;
      state.advance();
    }
    warpgroup_wait<0>();
    pipeline.consumer_release(before, thread);
    store(w, pair, half, static_cast<int>(thread), sum);
    begin = stop;
  }
}

template <int kBlocks>
struct WeightShared {
  WeightPipeline<kBlocks> pipeline;
  BoxOfTap boxes[kBBoxes];
};

template <int kBlocks>
__global__ void __launch_bounds__(kHopperThreads, 1)
    weight_gradient_hopper(const __grid_constant__ TensorMap x, const __grid_constant__ TensorMap dy, const Work w) {
  static_assert(sizeof(WeightShared<kBlocks>) <= 227 << 10, "a block of sm_90 has 227 KiB of shared memory");
  auto& shared = shared_memory<WeightShared<kBlocks>>();
  auto& pipeline = shared.pipeline;
  pipeline.init(2, w.report);
  const int begin = static_cast<int>(blockIdx.x) / kBlocks * w.piece, end = std::min(w.units, begin + w.piece);
  if (threadIdx.x < kWarpgroup) {
    registers_down<40>();
    if (threadIdx.x == 0) {
      if constexpr (kBlocks == 1) produce<Pairs::none>(pipeline, shared.boxes, w, begin, end, x, dy);
      else if (w.pairs == Pairs::across) produce<Pairs::across>(pipeline, shared.boxes, w, begin, end, x, dy);
      else produce<Pairs::down>(pipeline, shared.boxes, w, begin, end, x, dy);
    }
  } else {
    registers_up<232>();
    consume(pipeline, w, begin, end);
  }
  pipeline.finish();
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
  w.steps = up(pixels, kTileDepth);
  w.next_rows = kTileDepth / w.columns, w.next_columns = kTileDepth % w.columns;
  const int rows = up(outputs, kRows), columns = up(w.boxes, kColumns / kBox);
  w.pairs = rows % 2 == 0 ? Pairs::down : columns % 2 == 0 ? Pairs::across : Pairs::none;
  w.across = w.pairs == Pairs::across ? columns / 2 : columns;
  const int tiles = rows * columns;
  w.units = tiles / w.blocks() * w.steps;
  w.piece = up(w.units, std::max(1, stream.device->threads / w.blocks()));
  w.parts = up(w.steps, w.piece) + 1;
  const int64_t floats = int64_t{tiles} * w.parts * kTile;
  Workspace workspace(stream, Workspace::bytes<float>(floats));
  w.sums = workspace.take<float>(floats);
  w.report = wait_report();

  const PixelRange range{.first_row = -p.pad_top,
                         .first_column = -p.pad_left,
                         .beyond_rows = p.pad_bottom - (kh - 1),
                         .beyond_columns = p.pad_right - (kw - 1)};
  const TensorMap x_map = pixels_map(x.data, at(x, 0), at(x, 1), at(x, 2), inputs, range, p.stride, kTileDepth);
  const TensorMap dy_map = matrix_map(dy.data, pixels, outputs, kTileDepth);
  const int64_t steps = int64_t{w.units} * w.blocks();  // of all blocks; those of a cluster bring half of what both read
  const int shared_rows = w.pairs == Pairs::down ? kColumns : w.pairs == Pairs::across ? kRows : 0;
  const int own_rows = kRows + kColumns - shared_rows / 2;
  reads_tiles(stream, steps * own_rows * kTileRow, steps * own_rows / kBox);
  const auto run = [&]<int kBlocks>(std::integral_constant<int, kBlocks>) {
    launch_clusters(stream, "conv2d_bwd_weight", kBlocks, dim3(static_cast<unsigned>(up(w.units, w.piece) * kBlocks)),
                    dim3(kHopperThreads), sizeof(WeightShared<kBlocks>), weight_gradient_hopper<kBlocks>, x_map, dy_map, w);
  };
  if (w.pairs == Pairs::none) run(std::integral_constant<int, 1>{});
  else run(std::integral_constant<int, 2>{});

  // Threads follow the order of the sums, since most accesses read those; sums beyond the last channel are skipped.
  const int wide = columns * kColumns;
  float* to = f32(dw);
  for_each(stream, "conv2d_bwd_weight", int64_t{outputs} * wide, EQV_LAMBDA(int64_t i) {
    const int o = static_cast<int>(i) / wide, column = static_cast<int>(i) - o * wide;
    const int tap = column / (w.slices * kBox), c = column - tap * w.slices * kBox;
    if (tap >= taps || c >= inputs) return;
    const int down = o / kRows, side = column / kColumns;
    const int pair = w.pairs == Pairs::down ? down / 2 * w.across + side
                     : w.pairs == Pairs::across ? down * w.across + side / 2 : down * w.across + side;
    const int rank = w.pairs == Pairs::down ? down % 2 : w.pairs == Pairs::across ? side % 2 : 0;
    const int parts = ((pair + 1) * w.steps - 1) / w.piece - w.first_cluster(pair) + 1;
    const float* from = w.sums + int64_t{pair * w.blocks() + rank} * w.parts * kTile + o % kRows * kColumns + column % kColumns;
    float sum = 0;
    for (int part = 0; part < parts; ++part) sum += from[int64_t{part} * kTile];
    to[(int64_t{o} * inputs + c) * taps + tap] = sum;
  });
}

}  // namespace eqv::gpu
