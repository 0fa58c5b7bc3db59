// Checks of statistics over groups of channels, which group norm and convolutions share.
#pragma once

#include "check.h"

namespace eqv {

inline void group_statistics(const Check& c, int32_t groups, float eps, const Tensor& x, const Tensor& stats) {
  c.that(groups >= 1 && x.shape[3] % groups == 0, "groups", groups, {"choose a divisor of the ", x.shape[3], " channels"});
  c.that(eps > 0, "eps", eps, "it must be positive: PyTorch's default for GroupNorm is 1e-5, the SD-VAE uses 1e-6");
  c.shape("stats", stats, {x.shape[0], groups, 2});
}

}  // namespace eqv
