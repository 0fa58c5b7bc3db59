// Weight gradient of a convolution with few channels on one side: wide channels × (tap, few channel), over the pixels of the
// wide side. A warp takes 32 of its block's pixels at a time: the wide side passes through the warp's ring buffer in shared
// memory, the thin one is loaded directly into the fragments of the tensor cores. A block adds its warps' sums, and a second
// kernel the blocks', both in their order.
#include "common/mma_gemm.h"
#include "conv2d/conv2d_thin.h"
#include "conv2d/thin.h"

namespace eqv::gpu {
namespace {

constexpr int kDepth = Factors<Bf16>::kDepth;

constexpr int kBlockChannels = 64, kRing = 3, kWarpsOfBlock = kThreads / 32, kBlockStep = kWarpsOfBlock * kDepth;
constexpr int kRows = kBlockChannels / 16;  // products of 16 channels

struct ThinGradient {
  const Bf16* wide;
  int channels, rows, columns, pixels;  // of the wide side
  ThinImages source;
  ThinWindow window;
  int pixels_of_split;
  float* parts;  // {group of 64 channels, split, register, lane}
};

template <int kColumns>
struct SharedRing {
  static constexpr int kSums = kRows * kColumns * 4;  // of one lane
  union {
    OperandTile<Bf16, false, kBlockChannels> tiles[kWarpsOfBlock][kRing];
    float sums[kSums][32];
  };
};

template <int kColumns>  // products of 8 columns
__global__ void __launch_bounds__(kThreads, 1) thin_weight_kernel(const ThinGradient c) {
  SharedRing<kColumns>& memory = shared_memory<SharedRing<kColumns>>();
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32, t = lane % 4;
  const int channel0 = static_cast<int>(blockIdx.y) * kBlockChannels;
  const int begin = static_cast<int>(blockIdx.x) * c.pixels_of_split + warp * kDepth;
  const int end = std::min(c.pixels, static_cast<int>(blockIdx.x + 1) * c.pixels_of_split);
  const int steps = begin < end ? (end - begin + kBlockStep - 1) / kBlockStep : 0;

  const int part = lane % 8 * kVector;  // a row of the tile is 8 vectors
  const auto fetch = [&](int step) {
    if (step < steps) {
      auto& tile = memory.tiles[warp][step % kRing];
      const int pixel = begin + step * kBlockStep;
#pragma unroll
      for (int k = lane / 8; k < kDepth; k += 4)
        copy_async(tile.at(part, k),
                   pixel + k < end && channel0 + part < c.channels
                       ? c.wide + int64_t{pixel + k} * c.channels + channel0 + part
                       : nullptr,
                   c.wide);
    }
    commit_copies();
  };

  ThinColumn columns[kColumns];
#pragma unroll
  for (int j = 0; j < kColumns; ++j) columns[j] = ThinColumn(j * 8 + lane / 4, c.source.few, c.source.w, c.window);
  float sum[kRows][kColumns][4] = {};
  for (int step = 0; step < kRing - 1; ++step) fetch(step);
  for (int step = 0; step < steps; ++step) {
    wait_for_copies<kRing - 2>();
    __syncwarp();             // the tile is there, for the whole warp; that of the step before has been read
    fetch(step + kRing - 1);  // into the tile of the step before
    auto& tile = memory.tiles[warp][step % kRing];
#pragma unroll
    for (int k = 0; k < kDepth; k += 16) {
      uint32_t a[kRows][4];
#pragma unroll
      for (int m = 0; m < kRows; ++m) load_a(a[m], tile, m * 16, k);
      uint32_t b[kColumns][2];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int pixel = begin + step * kBlockStep + k + half * 8 + 2 * t;
        const ThinPlace first(c.source, c.window, pixel, end, c.rows, c.columns);
        const ThinPlace second(c.source, c.window, pixel + 1, end, c.rows, c.columns);
#pragma unroll
        for (int j = 0; j < kColumns; ++j)
          b[j][half] = first.bits(c.source, columns[j]) | second.bits(c.source, columns[j]) << 16;
      }
#pragma unroll
      for (int m = 0; m < kRows; ++m)
#pragma unroll
        for (int j = 0; j < kColumns; ++j) multiply_add(sum[m][j], a[m], b[j]);
    }
  }

  for (int turn = 0; turn < kWarpsOfBlock; ++turn) {
    __syncthreads();  // the tiles are read, then: the sums of the warps before are there
    if (turn != warp) continue;
#pragma unroll
    for (int m = 0; m < kRows; ++m)
#pragma unroll
      for (int j = 0; j < kColumns; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          float& at = memory.sums[(m * kColumns + j) * 4 + i][lane];
          at = turn == 0 ? sum[m][j][i] : at + sum[m][j][i];
        }
  }
  __syncthreads();
  constexpr int kAll = SharedRing<kColumns>::kSums * 32;
  float* to = c.parts + (int64_t{blockIdx.y} * gridDim.x + blockIdx.x) * kAll;
  for (int i = static_cast<int>(threadIdx.x); i < kAll; i += kThreads) to[i] = (&memory.sums[0][0])[i];
}

template <int kColumns>
void run(Stream& stream, ThinGradient c, const ThinWeights& dw) {
  // The pixels of a block, chosen by the size alone, so that about a hundred blocks have work.
  constexpr int64_t kSplits = 128, kAll = SharedRing<kColumns>::kSums * 32;
  c.pixels_of_split = static_cast<int>(ceil_div(ceil_div(c.pixels, kSplits), kBlockStep) * kBlockStep);
  const int64_t splits = ceil_div(c.pixels, c.pixels_of_split), groups = ceil_div(c.channels, kBlockChannels);
  Workspace workspace(stream, Workspace::bytes<float>(groups * splits * kAll));
  float* parts = c.parts = workspace.take<float>(groups * splits * kAll);
  launch(stream, "conv2d_bwd_weight", dim3(static_cast<unsigned>(splits), static_cast<unsigned>(groups)), dim3(kThreads),
         sizeof(SharedRing<kColumns>), thin_weight_kernel<kColumns>, c);
  float* to = const_cast<float*>(dw.data);
  const int columns = dw.columns();
  for_each(stream, "conv2d_bwd_weight", int64_t{dw.wide} * columns, EQV_LAMBDA(int64_t at) {
    const int wide = static_cast<int>(at) / columns, column = static_cast<int>(at) - wide * columns;
    const int tap = column / dw.few, f = column - tap * dw.few;
    // Its place in the fragments: see multiply_add.
    const int row = wide % kBlockChannels, product = row / 16 * kColumns + column / 8;
    const int value = product * 4 + row / 8 % 2 * 2 + column % 2, lane = row % 8 * 4 + column % 8 / 2;
    const float* from = parts + int64_t{wide / kBlockChannels} * splits * kAll + value * 32 + lane;
    float sum = 0;
    for (int64_t split = 0; split < splits; ++split) sum += from[split * kAll];
    to[wide * dw.wide_stride + f * dw.few_stride + tap] = sum;
  });
}

}  // namespace

bool thin_weight_takes(int taps, const Tensor& wide, const Tensor& few) {
  return is_few(few) && is_wide(wide) && taps * few.shape[3] <= 48;
}

void thin_weight(Stream& stream, const Tensor& wide, const Tensor& few, const ThinWindow& window, const ThinWeights& dw) {
  const ThinGradient c{.wide = static_cast<const Bf16*>(wide.data),
                       .channels = extent(wide, 3),
                       .rows = extent(wide, 1),
                       .columns = extent(wide, 2),
                       .pixels = extent(wide, 0) * extent(wide, 1) * extent(wide, 2),
                       .source = thin_images(few),
                       .window = window,
                       .pixels_of_split = 0,
                       .parts = nullptr};
  if (dw.columns() <= 16) run<2>(stream, c, dw);
  else if (dw.columns() <= 32) run<4>(stream, c, dw);
  else run<6>(stream, c, dw);
}

}  // namespace eqv::gpu
