// The epilogue of all convolution kernels, which turns sums into results before they are stored:
//   y = activation(sum + bias + residual), and the statistics of y that a group norm after it needs.
//
// Statistics are made of patches: `unit` channels (of one group) × those of kBlock consecutive rows of the product that are
// of one sample. A warp stores its patches' shifted sums (their first value is the shift, so that squares do not cancel),
// and a small kernel joins those of a sample and group in double, in a fixed order.
#pragma once

#include "activation/activation.h"
#include "common/reduce.h"
#include "common/pairs.h"
#include "common/tensor_core.h"

namespace eqv::gpu {

template <class T>
struct Epilogue {
  const float* bias;  // of the channel; null: none
  const T* residual;  // at the place of the result; null: none
  int32_t activation;
  float slope;  // of negative results

  __device__ float activate(float v) const {
    if (activation == EQV_SILU) return silu(v);
    const float negative = activation == EQV_RELU ? 0.0f : v * slope;
    return v <= 0.0f ? negative : v;
  }

  // The result at element `at`, of channel c.
  __device__ float operator()(float sum, int64_t at, int64_t c) const {
    if (bias) sum += bias[c];
    if (residual) sum += dtype::widen(residual[at]);
    return activate(sum);
  }

  // Two neighbouring results, whose first element is even.
  __device__ void pair(float& first, float& second, int64_t at, int c) const {
    if (bias) first += bias[c], second += bias[c + 1];
    if (residual) {
      float two[2];
      load_pair(residual + at, two);
      first += two[0], second += two[1];
    }
    first = activate(first), second = activate(second);
  }
};

template <class T>
Epilogue<T> epilogue(const eqv_conv2d_params& p, const Tensor* bias, const Tensor* residual) {
  return {f32(bias), residual ? static_cast<const T*>(residual->data) : nullptr, p.activation,
          p.activation == EQV_LEAKY_RELU ? p.slope : 1.0f};
}

// Sums of y − shift and (y − shift)² over a patch.
struct PatchSums {
  float shift, sum, squares;
};

// Where the patches of one product are stored. Blocks and samples both follow its rows, so a pair of a block and a sample that
// have rows in common gets the number block + sample.
struct Patches {
  PatchSums* data = nullptr;  // null: no statistics are asked for
  int unit = 1, units = 0;    // channels of a patch: 1, 2, 4 or 8; patches across
  int rows_of_sample = 1;
};

__device__ inline int smaller(int a, int b) { return a < b ? a : b; }
__device__ inline int larger(int a, int b) { return a > b ? a : b; }

// The sum over the lanes that hold a patch in the layout of store_patches; each of them gets it.
__device__ inline float join_patch(float value, int unit) {
  for (int offset = 4; offset < 32; offset *= 2) value += __shfl_xor_sync(kAllLanes, value, offset);
  if (unit >= 4) value += __shfl_xor_sync(kAllLanes, value, 1);
  if (unit == 8) value += __shfl_xor_sync(kAllLanes, value, 2);
  return value;
}

// Stores the patches of a warp's results: kDown·16 rows from `row` and kAcross·8 channels from `channel` on (a multiple of
// 8), as mma.sync and wgmma lay them out: value(i, j, h, e) is that of row i·16 + h·8 + lane/4 and channel j·8 + lane%4·2 +
// e, rounded as it is stored. There are `rows` rows and `channels` channels in all. All lanes call this.
template <int kDown, int kAcross, class Value>
__device__ void store_patches(const Patches& p, int rows, int channels, int row, int channel, Value value) {
  constexpr int kBlock = kDown * 16;
  if (row >= rows) return;  // the same for all lanes
  const int lane = static_cast<int>(threadIdx.x) % 32, end = row + kBlock < rows ? row + kBlock : rows;
  for (int sample = row / p.rows_of_sample; sample * p.rows_of_sample < end; ++sample) {
    const int first = larger(0, sample * p.rows_of_sample - row);  // rows of this sample, counted from `row`
    const int beyond = smaller(end, (sample + 1) * p.rows_of_sample) - row;
    const int leader = first % 8 * 4 + (p.unit == 8 ? 0 : p.unit == 4 ? lane % 4 / 2 * 2 : lane % 4);
    PatchSums* to = p.data + (int64_t{row / kBlock} + sample) * p.units;
#pragma unroll
    for (int j = 0; j < kAcross; ++j) {
      const int c = channel + j * 8 + lane % 4 * 2;
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        if (e == 1 && p.unit != 1) continue;  // the second channel is of the same patch
        float shift = 0;
#pragma unroll
        for (int i = 0; i < kDown * 2; ++i)
          if (i * 8 + lane / 4 == first) shift = value(i / 2, j, i % 2, e);
        shift = __shfl_sync(kAllLanes, shift, leader);
        float sum = 0, squares = 0;
#pragma unroll
        for (int i = 0; i < kDown * 2; ++i) {
          const int at = i * 8 + lane / 4;
          if (at < first || at >= beyond) continue;
          const float d = value(i / 2, j, i % 2, e) - shift;
          sum += d, squares += d * d;
          if (p.unit == 1) continue;
          const float other = value(i / 2, j, i % 2, 1) - shift;
          sum += other, squares += other * other;
        }
        sum = join_patch(sum, p.unit), squares = join_patch(squares, p.unit);
        if (lane < 4 && c + e < channels && (c + e) % p.unit == 0) to[(c + e) / p.unit] = {shift, sum, squares};
      }
    }
  }
}

// The statistics of a result that up to four products make, each the same channels of other pixels. A caller registers the
// products, finds room for bytes() in its workspace, gives each kernel its patches, and finishes.
class GroupStatistics {
 public:
  static constexpr int kMostProducts = 4;

  struct Product {
    int rows_of_sample, blocks_before;  // blocks_before: of the products before, each pair of block and sample counted
  };
  // What the joining kernel reads.
  struct Layout {
    const PatchSums* data;
    int unit, units, groups, block, count;
    Product products[kMostProducts];
  };

  // `block`: rows of a warp's patches, kDown·16.
  GroupStatistics(const eqv_conv2d_params& p, const Tensor& y, const Tensor* stats, int block)
      : stats_(stats), eps_(static_cast<double>(p.eps)), samples_(static_cast<int>(y.shape[0])) {
    if (!stats) return;
    const int channels = static_cast<int>(y.shape[3]), size = channels / p.groups;
    layout_ = {.data = nullptr, .unit = 1, .units = 0, .groups = p.groups, .block = block, .count = 0, .products = {}};
    while (layout_.unit < 8 && size % (2 * layout_.unit) == 0) layout_.unit *= 2;
    layout_.units = channels / layout_.unit;
    share_ = 1 / (static_cast<double>(y.shape[1] * y.shape[2]) * size);
  }

  void add_product(int rows_of_sample) {
    if (!stats_) return;
    layout_.products[layout_.count++] = {rows_of_sample, blocks_};
    blocks_ += static_cast<int>(ceil_div(int64_t{samples_} * rows_of_sample, layout_.block)) + samples_;
  }
  int64_t bytes() const { return stats_ ? Workspace::bytes<PatchSums>(int64_t{blocks_} * layout_.units) : 0; }
  void take(Workspace& workspace) {
    if (stats_) layout_.data = data_ = workspace.take<PatchSums>(int64_t{blocks_} * layout_.units);
  }
  Patches patches(int product) const {
    if (!stats_) return {};
    const Product& p = layout_.products[product];
    return {data_ + int64_t{p.blocks_before} * layout_.units, layout_.unit, layout_.units, p.rows_of_sample};
  }
  // After the products: writes stats.
  void finish(Stream& stream) const;

 private:
  const Tensor* stats_;
  double eps_, share_ = 0;
  int samples_, blocks_ = 0;
  PatchSums* data_ = nullptr;
  Layout layout_{};
};

}  // namespace eqv::gpu
