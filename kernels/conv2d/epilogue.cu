// Joins the patches of a convolution's result into the statistics of its groups (epilogue.h).
#include "conv2d/epilogue.h"

namespace eqv::gpu {
namespace {

// A block per sample and group. With n values in a patch: the mean is Σ(n·shift + sum)/N, and
// Σ(y − mean)² = Σ(squares − 2·(mean − shift)·sum + n·(mean − shift)²).
__global__ void __launch_bounds__(kThreads)
    join_patches(GroupStatistics::Layout l, double eps, double share, float* stats) {
  BlockScratch& scratch = shared_memory<BlockScratch>();
  const int sample = static_cast<int>(blockIdx.x) / l.groups, group = static_cast<int>(blockIdx.x) % l.groups;
  const int units = l.units / l.groups;
  const auto over_patches = [&](auto term) {
    double sum = 0;
#pragma unroll
    for (int k = 0; k < GroupStatistics::kMostProducts; ++k) {
      if (k >= l.count) break;
      const GroupStatistics::Product p = l.products[k];
      const int begin = sample * p.rows_of_sample, end = begin + p.rows_of_sample;
      const int first = begin / l.block, blocks = (end - 1) / l.block - first + 1;
      for (int i = static_cast<int>(threadIdx.x); i < blocks * units; i += kThreads) {
        const int block = first + i / units;
        const int rows = smaller(end, (block + 1) * l.block) - larger(begin, block * l.block);
        const int64_t at = (int64_t{p.blocks_before} + block + sample) * l.units + group * units + i % units;
        sum += term(l.data[at], static_cast<double>(rows * l.unit));
      }
    }
    return block_join(sum, scratch);
  };
  const double mean = share * over_patches([](const PatchSums& p, double n) {
    return n * static_cast<double>(p.shift) + static_cast<double>(p.sum);
  });
  const double variance = share * over_patches([mean](const PatchSums& p, double n) {
    const double d = mean - static_cast<double>(p.shift);
    return static_cast<double>(p.squares) - d * (2 * static_cast<double>(p.sum) - n * d);
  });
  if (threadIdx.x == 0) {
    stats[2 * blockIdx.x] = static_cast<float>(mean);
    stats[2 * blockIdx.x + 1] = static_cast<float>(rsqrt((variance < 0 ? 0 : variance) + eps));
  }
}

}  // namespace

void GroupStatistics::finish(Stream& stream) const {
  if (!stats_) return;
  launch(stream, "conv2d_statistics", dim3(static_cast<unsigned>(samples_ * layout_.groups)), dim3(kThreads),
         sizeof(BlockScratch), join_patches, layout_, eps_, share_, f32(*stats_));
}

}  // namespace eqv::gpu
