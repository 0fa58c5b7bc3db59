// Convolution from many channels to few. Every pixel of the source is multiplied once with the weights of all taps and result
// channels, pixels × (tap, few channels) over the wide channels; a result is then the sum of the products of its taps'
// pixels. A block takes 16×16 pixels of the source, keeps these products in shared memory and writes the results whose windows
// lie inside: the source is read once, but for the tiles' edges, instead of once for each tap.
#include "common/mma_gemm.h"
#include "conv2d/conv2d_thin.h"
#include "conv2d/thin.h"

namespace eqv::gpu {
namespace {

constexpr int kDepth = Factors<Bf16>::kDepth;

constexpr int kSide = 16, kPixels = kSide * kSide;
static_assert(kPixels / 32 == kThreads / 32, "a warp takes 32 pixels");

template <int kColumns>
struct Memory {
  struct Stage {
    OperandTile<Bf16, true, kPixels> pixels;
    OperandTile<Bf16, true, kColumns> weights;
  };
  static constexpr int kRow = kColumns + 4;  // floats: so that neighbours lie in different banks
  union {
    Stage stages[kStages];
    float products[kPixels][kRow];
  };
};

// Tile number k of an axis begins at source pixel k·advance + first and gives the results k·results ….
struct Axis {
  int results, advance, first;
};

struct ToFew {
  const Bf16* source;
  int h, w, wide;
  ThinWindow window;
  const Bf16* weights;  // {tap, few channel; padded to the tile; wide channel}
  ThinEpilogue epilogue;
  Bf16* result;
  int rows, columns, few;
  Axis down, across;
  int tiles_down, tiles_across;
};

template <int kColumns>
__device__ void multiply(Memory<kColumns>& memory, const ToFew& c, const Bf16* image, int i0, int j0,
                         float (&sum)[2][kColumns / 8][4]) {
  constexpr int kAcross = kDepth / kVector, kLines = kThreads / kAcross, kCopies = kPixels / kLines;
  const int thread = static_cast<int>(threadIdx.x), line = thread / kAcross, part = thread % kAcross * kVector;
  const Bf16* from[kCopies];
  for (int n = 0; n < kCopies; ++n) {
    const int pixel = line + n * kLines, i = i0 + pixel / kSide, j = j0 + pixel % kSide;
    from[n] = i >= 0 && i < c.h && j >= 0 && j < c.w ? image + (int64_t{i} * c.w + j) * c.wide + part : nullptr;
  }
  const int steps = (c.wide + kDepth - 1) / kDepth;
  const auto fetch = [&](int step) {
    if (step < steps) {
      auto& stage = memory.stages[step % kStages];
      const int k = step * kDepth;
      const bool inside = k + part < c.wide;
      for (int n = 0; n < kCopies; ++n)
        copy_async(stage.pixels.at(line + n * kLines, part), inside && from[n] ? from[n] + k : nullptr, c.source);
      for (int column = line; column < kColumns; column += kLines)
        copy_async(stage.weights.at(column, part), inside ? c.weights + int64_t{column} * c.wide + k + part : nullptr,
                   c.weights);
    }
    commit_copies();
  };
  const int row = thread / 32 * 32;
  for (int step = 0; step < kStages - 1; ++step) fetch(step);
  for (int step = 0; step < steps; ++step) {
    wait_for_copies<kStages - 2>();
    __syncthreads();            // this step's tiles are there, for all threads; those of the step before have been read
    fetch(step + kStages - 1);  // into the tiles of the step before
    auto& stage = memory.stages[step % kStages];
#pragma unroll
    for (int k = 0; k < kDepth; k += 16) {
      uint32_t a[2][4];
      load_a(a[0], stage.pixels, row, k);
      load_a(a[1], stage.pixels, row + 16, k);
#pragma unroll
      for (int j = 0; j < kColumns / 8; j += 2) {
        uint32_t two[4];
        load_b(two, stage.weights, j * 8, k);
        const uint32_t left[2] = {two[0], two[1]}, right[2] = {two[2], two[3]};
#pragma unroll
        for (int m = 0; m < 2; ++m) {
          multiply_add(sum[m][j], a[m], left);
          multiply_add(sum[m][j + 1], a[m], right);
        }
      }
    }
  }
}

template <int kColumns>
__global__ void __launch_bounds__(kThreads) to_few_kernel(const ToFew c) {
  Memory<kColumns>& memory = shared_memory<Memory<kColumns>>();
  const int tile = static_cast<int>(blockIdx.x), line = tile / c.tiles_across;
  const int n = line / c.tiles_down, down = line - n * c.tiles_down, across = tile - line * c.tiles_across;
  const int i0 = down * c.down.advance + c.down.first, j0 = across * c.across.advance + c.across.first;
  float sum[2][kColumns / 8][4] = {};
  multiply(memory, c, c.source + int64_t{n} * c.h * c.w * c.wide, i0, j0, sum);

  __syncthreads();  // the tiles are read: the products take their place
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
#pragma unroll
  for (int m = 0; m < 2; ++m)
#pragma unroll
    for (int j = 0; j < kColumns / 8; ++j)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        memory.products[thread / 32 * 32 + m * 16 + i / 2 * 8 + lane / 4][j * 8 + lane % 4 * 2 + i % 2] = sum[m][j][i];
  __syncthreads();

  const int results = c.down.results * c.across.results * c.few;
  for (int at = thread; at < results; at += kThreads) {
    const int pixel = at / c.few, f = at - pixel * c.few;
    const int u = down * c.down.results + pixel / c.across.results, v = across * c.across.results + pixel % c.across.results;
    if (u >= c.rows || v >= c.columns) continue;
    float total = 0;
    const int below = c.window.div - 1;  // a stride is 1 or 2: also its logarithm
    for (int r = 0; r < c.window.down; ++r) {
      const int i = u * c.window.step + c.window.i0 + r * c.window.direction;
      if (i & below) continue;
      for (int s = 0; s < c.window.across; ++s) {
        const int j = v * c.window.step + c.window.j0 + s * c.window.direction;
        if (j & below) continue;
        const int source = ((i >> below) - i0) * kSide + (j >> below) - j0;
        total += memory.products[source][(r * c.window.across + s) * c.few + f];
      }
    }
    const int64_t to = ((int64_t{n} * c.rows + u) * c.columns + v) * c.few + f;
    c.result[to] = dtype::narrow<Bf16>(c.epilogue(total, to, f));
  }
}

int floor_div(int a, int b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// The most results whose windows lie in kSide pixels.
Axis axis(int taps, int start, const ThinWindow& w) {
  const int lowest = start + std::min(0, w.direction * (taps - 1)), highest = start + std::max(0, w.direction * (taps - 1));
  const int first = floor_div(lowest, w.div);
  int results = w.div;
  while (floor_div((results + w.div - 1) * w.step + highest, w.div) - first < kSide) results += w.div;
  return {results, results * w.step / w.div, first};
}

template <int kColumns>
void run(Stream& stream, const char* name, ToFew c, const ThinWeights& weights, int images) {
  const int64_t n = int64_t{kColumns} * c.wide;
  Workspace workspace(stream, Workspace::bytes<Bf16>(n));
  Bf16* packed = workspace.take<Bf16>(n);
  for_each(stream, "conv2d_pack", n, EQV_LAMBDA(int64_t at) {
    const int column = static_cast<int>(at / weights.wide), wide = static_cast<int>(at % weights.wide);
    const int tap = column / weights.few;
    packed[at] = dtype::narrow<Bf16>(tap < weights.taps ? weights.at(wide, column % weights.few, tap) : 0.0f);
  });
  c.weights = packed;
  launch(stream, name, dim3(static_cast<unsigned>(int64_t{images} * c.tiles_down * c.tiles_across)), dim3(kThreads),
         sizeof(Memory<kColumns>), to_few_kernel<kColumns>, c);
}

}  // namespace

bool to_few_takes(const Tensor& w, const Tensor& source, const Tensor& result) {
  constexpr int64_t kLargestKernel = 4, kSmallestImage = 8;  // otherwise most of a tile would be edge
  return result.shape[3] <= kMostFew && is_wide(source) && w.shape[2] <= kLargestKernel && w.shape[3] <= kLargestKernel &&
         w.shape[2] * w.shape[3] * result.shape[3] <= 80 && source.shape[1] >= kSmallestImage &&
         source.shape[2] >= kSmallestImage;
}

void to_few(Stream& stream, const char* name, const Tensor& source, const ThinWindow& window, const ThinWeights& weights,
            const ThinEpilogue& epilogue, const Tensor& result) {
  ToFew c{};
  c.source = static_cast<const Bf16*>(source.data), c.result = static_cast<Bf16*>(result.data), c.epilogue = epilogue;
  c.h = extent(source, 1), c.w = extent(source, 2), c.wide = extent(source, 3);
  c.rows = extent(result, 1), c.columns = extent(result, 2), c.few = extent(result, 3);
  c.window = window;
  c.down = axis(window.down, window.i0, window), c.across = axis(window.across, window.j0, window);
  c.tiles_down = static_cast<int>(ceil_div(c.rows, c.down.results));
  c.tiles_across = static_cast<int>(ceil_div(c.columns, c.across.results));
  const int columns = weights.columns(), images = extent(source, 0);
  if (columns <= 16) run<16>(stream, name, c, weights, images);
  else if (columns <= 32) run<32>(stream, name, c, weights, images);
  else if (columns <= 48) run<48>(stream, name, c, weights, images);
  else run<80>(stream, name, c, weights, images);
}

}  // namespace eqv::gpu
