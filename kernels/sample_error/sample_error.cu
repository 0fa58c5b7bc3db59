// Squared error per sample: a block sums a sample in double.
#include "common/reduce.h"

namespace eqv::backend {

using namespace gpu;

void sample_error_fwd(Stream& stream, const Tensor& a_tensor, const Tensor& b_tensor, const Tensor* weight_tensor,
                      const Tensor& out_tensor) {
  const int64_t samples = a_tensor.shape[0], count = elements(a_tensor) / samples;
  const float *a = f32(a_tensor), *b = f32(b_tensor), *weight = f32(weight_tensor);
  float* out = f32(out_tensor);
  const double share = 1 / static_cast<double>(count);
  reduce_rows(
      stream, "sample_error_fwd", samples, count,
      EQV_LAMBDA(int64_t n, int64_t i) -> double {
        const double d = static_cast<double>(a[n * count + i]) - static_cast<double>(b[n * count + i]);
        return d * d;
      },
      EQV_LAMBDA(int64_t n, double sum) {
        out[n] = static_cast<float>((weight ? static_cast<double>(weight[n]) : 1.0) * sum * share);
      });
}

void sample_error_bwd(Stream& stream, const Tensor& dout_tensor, const Tensor& a_tensor, const Tensor& b_tensor,
                      const Tensor* weight_tensor, const Tensor& da_tensor) {
  const int64_t samples = a_tensor.shape[0], count = elements(a_tensor) / samples;
  const float *dout = f32(dout_tensor), *a = f32(a_tensor), *b = f32(b_tensor), *weight = f32(weight_tensor);
  float* da = f32(da_tensor);
  const double share = 2 / static_cast<double>(count);
  for_each(stream, "sample_error_bwd", elements(a_tensor), EQV_LAMBDA(int64_t i) {
    const int64_t n = i / count;
    const double factor = share * static_cast<double>(dout[n]) * (weight ? static_cast<double>(weight[n]) : 1.0);
    da[i] = static_cast<float>(factor) * (a[i] - b[i]);
  });
}

}  // namespace eqv::backend
