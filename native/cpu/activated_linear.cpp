// A linear layer and its activation in one pass: one thread multiplies a block of rows, and applies the activation while the
// block is in the cache. The result does not depend on the number of threads.
#include "activation.h"
#include "parallel.h"
#include "products.h"
#include "simd.h"

namespace eqv::cpu {

namespace {

constexpr int64_t kRows = 64;

EQV_SIMD void add_bias(const float* bias, int64_t n, float* row) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) row[i] += bias[i];
}

}  // namespace

void activated_linear(Stream& s, const eqv_activation_params& p, const Tensor& x, const Tensor& w, const Tensor* bias,
                      const Tensor& before, const Tensor& y) {
  if (s.bf16) {
    // Rounding the weights for each block of rows would take longer than multiplying them.
    eqv::backend::linear_fwd(s, {sizeof p, EQV_IDENTITY, 0}, x, w, bias, nullptr, before);
    eqv::backend::activation_fwd(s, p, before, y);
    return;
  }
  const int64_t in = w.shape[1], out = w.shape[0], rows = elements(x) / in;
  Products product;
  parallel_for(s, ceil_div(rows, kRows), 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kRows, count = std::min(kRows, rows - first);
      float* sums = f32(before) + first * out;
      product('N', 'T', count, out, in, 1, f32(x) + first * in, in, f32(w), in, 0, sums, out);
      for (int64_t r = 0; bias && r < count; ++r) add_bias(f32(*bias), out, sums + r * out);
      activate(p, sums, count * out, f32(y) + first * out);
    }
  });
  product.report("linear");
}

}  // namespace eqv::cpu
