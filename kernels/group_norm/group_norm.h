// Mean and 1/sqrt(variance + eps) of every sample and group of channels of x, to stats{N, groups, 2}.
#pragma once

#include "backend.h"

namespace eqv::gpu {

void group_statistics(Stream&, int groups, double eps, const Tensor& x, const Tensor& stats);

}  // namespace eqv::gpu
