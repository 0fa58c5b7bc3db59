// Cross-entropy of a softmax. A row is summed on one thread, in double.
#include "softmax_cross_entropy/softmax_cross_entropy_ref.h"

#include <cmath>

#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

// The maximum ignores NaN; the exponentials then carry it into the result.
EQV_SIMD float row_maximum(const float* x, int64_t n) {
  float most = -__builtin_inff();
#pragma omp simd reduction(max : most)
  for (int64_t i = 0; i < n; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

struct RowSums {
  double exponentials, plain;
};

EQV_SIMD RowSums row_sums(const float* x, int64_t n, float shift) {
  double exponentials = 0, plain = 0;
#pragma omp simd reduction(+ : exponentials, plain)
  for (int64_t i = 0; i < n; ++i) {
    exponentials += static_cast<double>(exp32(x[i] - shift));
    plain += static_cast<double>(x[i]);
  }
  return {exponentials, plain};
}

EQV_SIMD void row_gradient(const float* x, int64_t n, float shift, float other, float factor, float* dx) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) dx[i] = factor * (exp32(x[i] - shift) - other);
}

int64_t grain(int64_t classes) { return std::max<int64_t>(1, 4096 / classes); }

}  // namespace

void softmax_cross_entropy_fwd(Stream& stream, const eqv_softmax_cross_entropy_params& p, const Tensor& x,
                               const Tensor& label, const Tensor* weight, const Tensor& out, const Tensor& lse) {
  const int64_t rows = elements(label), classes = elements(x) / rows;
  const auto* labels = static_cast<const int32_t*>(label.data);
  const double smoothing = p.smoothing;
  parallel_for(stream, rows, grain(classes), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* row = f32(x) + r * classes;
      const SoftTarget target{labels[r], classes, smoothing};
      const float most = row_maximum(row, classes);
      const RowSums sums = row_sums(row, classes, most);
      const double level = static_cast<double>(most) + std::log(sums.exponentials);
      f32(lse)[r] = static_cast<float>(level);
      double loss = 0;
      if (target.counts() && !target.is_class()) {
        loss = __builtin_nan("");
      } else if (target.counts()) {
        loss = (1 - smoothing) * (level - static_cast<double>(row[labels[r]])) +
               smoothing * (level - sums.plain / static_cast<double>(classes));
        loss *= weight ? static_cast<double>(f32(*weight)[r]) : 1;
      }
      f32(out)[r] = static_cast<float>(loss);
    }
  });
}

void softmax_cross_entropy_bwd(Stream& stream, const eqv_softmax_cross_entropy_params& p, const Tensor& dout,
                               const Tensor& x, const Tensor& label, const Tensor* weight, const Tensor& lse,
                               const Tensor& dx) {
  const int64_t rows = elements(label), classes = elements(x) / rows;
  const auto* labels = static_cast<const int32_t*>(label.data);
  parallel_for(stream, rows, grain(classes), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* row = f32(x) + r * classes;
      float* to = f32(dx) + r * classes;
      const SoftTarget target{labels[r], classes, p.smoothing};
      if (!target.counts() || !target.is_class()) {
        std::fill_n(to, classes, target.counts() ? __builtin_nanf("") : 0.0f);
        continue;
      }
      const float factor = f32(dout)[r] * (weight ? f32(*weight)[r] : 1.0f), shift = f32(lse)[r];
      row_gradient(row, classes, shift, static_cast<float>(target.share(-1)), factor, to);
      to[labels[r]] = factor * (exp32(row[labels[r]] - shift) - static_cast<float>(target.share(labels[r])));
    }
  });
}

}  // namespace eqv::backend
