// The maximum and the sum of the exponentials of a row of scores, for a softmax. All threads of a block call this.
#pragma once

#include "common/reduce.h"

namespace eqv::gpu {

struct RowExponentials {
  double most;
  float top;   // the same in fp32
  double sum;  // Σ exp(score − top)
};

template <class Index>
__device__ RowExponentials row_exponentials(const float* row, Index keys) {
  BlockScratch& scratch = shared_memory<BlockScratch>();
  RowExponentials e{.most = -INFINITY, .top = 0, .sum = 0};
  for (Index i = static_cast<Index>(threadIdx.x); i < keys; i += kThreads) e.most = MaximumOf::join(e.most, row[i]);
  e.most = block_join<MaximumOf>(e.most, scratch);
  e.top = static_cast<float>(e.most);
  for (Index i = static_cast<Index>(threadIdx.x); i < keys; i += kThreads) e.sum += expf(row[i] - e.top);
  e.sum = block_join(e.sum, scratch);
  return e;
}

}  // namespace eqv::gpu
