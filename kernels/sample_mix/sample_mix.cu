// Sums of two tensors with two factors per sample.
#include "common/device.h"

namespace eqv::backend {

using namespace gpu;

void sample_mix_fwd(Stream& stream, const Tensor& a_tensor, const Tensor& b_tensor, const Tensor& factors_tensor,
                    const Tensor& out_tensor) {
  const int64_t count = elements(a_tensor) / a_tensor.shape[0];
  const float *a = f32(a_tensor), *b = f32(b_tensor), *factors = f32(factors_tensor);
  float* out = f32(out_tensor);
  for_each(stream, "sample_mix_fwd", elements(a_tensor), EQV_LAMBDA(int64_t i) {
    const float* f = factors + i / count * 2;
    out[i] = f[0] * a[i] + f[1] * b[i];
  });
}

void sample_mix_bwd(Stream& stream, const Tensor& dout_tensor, const Tensor& factors_tensor, const Tensor* da_tensor,
                    const Tensor* db_tensor) {
  const int64_t count = elements(dout_tensor) / dout_tensor.shape[0];
  const float *dout = f32(dout_tensor), *factors = f32(factors_tensor);
  float *da = f32(da_tensor), *db = f32(db_tensor);
  for_each(stream, "sample_mix_bwd", elements(dout_tensor), EQV_LAMBDA(int64_t i) {
    const float* f = factors + i / count * 2;
    if (da) da[i] = f[0] * dout[i];
    if (db) db[i] = f[1] * dout[i];
  });
}

}  // namespace eqv::backend
