// Convolution from few channels to many: pixels × wide channels, over (tap, few channels), of which there are so few that a
// warp keeps all its weights in registers. It takes 16 pixels at a time, loads what their windows cover directly into the
// fragments of the tensor cores, and writes 64 channels of each. Writing takes most of the time.
#include "common/pairs.h"
#include "common/tensor_core.h"
#include "conv2d/thin.h"

namespace eqv::gpu {
namespace {

using dtype::Bf16;

constexpr int kWarpsOfBlock = 4, kRows = 16, kGroup = 32, kGroups = 2, kColumns = kGroup * kGroups;

struct FromFew {
  ThinImages source;
  ThinWindow window;
  ThinWeights weights;
  ThinEpilogue epilogue;
  Bf16* result;
  int rows, columns, pixels;
};

// Of 32 channels, column n of product j stands for channel 8·(n/2) + 2j + n%2: a lane then holds 8 neighbours.
__device__ int channel_of(int j, int n) { return n / 2 * 8 + 2 * j + n % 2; }

template <int kSteps>  // of 16 values of (tap, channel)
__global__ void __launch_bounds__(kWarpsOfBlock * 32, 2) from_few_kernel(const FromFew c) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int g = lane / 4, t = lane % 4, channel0 = static_cast<int>(blockIdx.y) * kColumns;

  ThinColumn columns[kSteps][4];
  uint32_t weights[kSteps][kGroups][4][2];
#pragma unroll
  for (int step = 0; step < kSteps; ++step)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int k = step * 16 + half * 8 + 2 * t;
      columns[step][2 * half] = ThinColumn(k, c.source.few, c.source.w, c.window);
      columns[step][2 * half + 1] = ThinColumn(k + 1, c.source.few, c.source.w, c.window);
#pragma unroll
      for (int group = 0; group < kGroups; ++group)
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          const int wide = channel0 + group * kGroup + channel_of(j, g);
          const auto weight = [&](int column) {
            const int tap = column / c.source.few;
            return wide < c.weights.wide && tap < c.weights.taps ? c.weights.at(wide, column - tap * c.source.few, tap) : 0.0f;
          };
          weights[step][group][j][half] = pack(weight(k), weight(k + 1));
        }
    }

  for (int pixel0 = (static_cast<int>(blockIdx.x) * kWarpsOfBlock + warp) * kRows; pixel0 < c.pixels;
       pixel0 += static_cast<int>(gridDim.x) * kWarpsOfBlock * kRows) {
    const ThinPlace upper(c.source, c.window, pixel0 + g, c.pixels, c.rows, c.columns);
    const ThinPlace lower(c.source, c.window, pixel0 + 8 + g, c.pixels, c.rows, c.columns);
    float sum[kGroups][4][4] = {};
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      uint32_t a[4];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const ThinColumn &first = columns[step][2 * half], &second = columns[step][2 * half + 1];
        a[2 * half] = upper.bits(c.source, first) | upper.bits(c.source, second) << 16;
        a[2 * half + 1] = lower.bits(c.source, first) | lower.bits(c.source, second) << 16;
      }
#pragma unroll
      for (int group = 0; group < kGroups; ++group)
#pragma unroll
        for (int j = 0; j < 4; ++j) multiply_add(sum[group][j], a, weights[step][group][j]);
    }
#pragma unroll
    for (int group = 0; group < kGroups; ++group) {
      const int channel = channel0 + group * kGroup + 8 * t;
      if (channel >= c.weights.wide) continue;
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int pixel = pixel0 + 8 * half + g;
        if (pixel >= c.pixels) continue;
        const int64_t at = int64_t{pixel} * c.weights.wide + channel;
        float values[kVector];
#pragma unroll
        for (int i = 0; i < kVector; ++i) values[i] = c.epilogue(sum[group][i / 2][2 * half + i % 2], at + i, channel + i);
        store_vector(c.result + at, values);
      }
    }
  }
}

template <int kSteps>
void run(Stream& stream, const char* name, const FromFew& c) {
  const int64_t blocks = std::min<int64_t>(ceil_div(c.pixels, kWarpsOfBlock * kRows), int64_t{4} * stream.device->threads);
  launch(stream, name, dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(ceil_div(c.weights.wide, kColumns))),
         dim3(kWarpsOfBlock * 32), 0, from_few_kernel<kSteps>, c);
}

}  // namespace

bool from_few_takes(int taps, const Tensor& source, const Tensor& result) {
  return is_few(source) && is_wide(result) && taps * source.shape[3] <= 48;
}

void from_few(Stream& stream, const char* name, const Tensor& source, const ThinWindow& window, const ThinWeights& weights,
              const ThinEpilogue& epilogue, const Tensor& result) {
  const FromFew c{.source = thin_images(source),
                  .window = window,
                  .weights = weights,
                  .epilogue = epilogue,
                  .result = static_cast<Bf16*>(result.data),
                  .rows = extent(result, 1),
                  .columns = extent(result, 2),
                  .pixels = extent(result, 0) * extent(result, 1) * extent(result, 2)};
  switch ((weights.columns() + 15) / 16) {
    case 1: return run<1>(stream, name, c);
    case 2: return run<2>(stream, name, c);
    default: return run<3>(stream, name, c);
  }
}

}  // namespace eqv::gpu
