// softmax_cross_entropy: out[r] = weight[r]·((1 − s)·(L − x[label]) + s·(L − mean x)), L = log Σ exp x of row r, s the
// smoothing; 0 for a row whose label is negative, NaN where there is no such class. Without weight 1. Backward:
// dx[j] = dout[r]·weight[r]·(exp(x[j] − L) − (1 − s)·(j = label) − s/classes).
// PyTorch: weight * F.cross_entropy(x, label, reduction="none", label_smoothing=s, ignore_index=-1).
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "common/host_device.h"
#include "eqv.h"

namespace eqv {

// A row's label and what it asks of each class: the target's share of class j.
struct SoftTarget {
  int64_t label, classes;
  double smoothing;

  EQV_HOST_DEVICE bool counts() const { return label >= 0; }
  EQV_HOST_DEVICE bool is_class() const { return label < classes; }
  EQV_HOST_DEVICE double share(int64_t j) const {
    return (j == label ? 1 - smoothing : 0.0) + smoothing / static_cast<double>(classes);
  }
};

namespace ref {

template <class T>
void softmax_cross_entropy_fwd(double smoothing, int64_t rows, int64_t classes, const T* x, const int32_t* label,
                               const T* weight, T* out, T* lse) {
  for (int64_t r = 0; r < rows; ++r, x += classes) {
    const SoftTarget target{label[r], classes, smoothing};
    T most = x[0], sum = 0, plain = 0;
    for (int64_t j = 1; j < classes; ++j) most = x[j] > most ? x[j] : most;
    for (int64_t j = 0; j < classes; ++j) sum += std::exp(x[j] - most), plain += x[j];
    lse[r] = most + std::log(sum);
    const T w = weight ? weight[r] : T(1);
    if (!target.counts()) out[r] = 0;
    else if (!target.is_class()) out[r] = std::numeric_limits<T>::quiet_NaN();
    else out[r] = w * ((1 - smoothing) * (lse[r] - x[label[r]]) + smoothing * (lse[r] - plain / static_cast<T>(classes)));
  }
}

template <class T>
void softmax_cross_entropy_bwd(double smoothing, int64_t rows, int64_t classes, const T* dout, const T* x,
                               const int32_t* label, const T* weight, const T* lse, T* dx) {
  for (int64_t i = 0; i < rows * classes; ++i) {
    const int64_t r = i / classes;
    const SoftTarget target{label[r], classes, smoothing};
    const T w = weight ? weight[r] : T(1);
    if (!target.counts()) dx[i] = 0;
    else if (!target.is_class()) dx[i] = std::numeric_limits<T>::quiet_NaN();
    else dx[i] = dout[r] * w * (std::exp(x[i] - lse[r]) - target.share(i % classes));
  }
}

}  // namespace ref
}  // namespace eqv
