// The diagonal Gaussian posterior: sampling, and the KL divergence to the standard normal. The log variance is clamped
// to [−30, 20]; as with torch.clamp the gradient is 0 outside this interval and passes through at its ends.
#include "common/reduce.h"

namespace eqv::backend {

using namespace gpu;

namespace {

__device__ float clamped(float v) { return v < -30.0f ? -30.0f : v > 20.0f ? 20.0f : v; }
__device__ bool outside(float v) { return v < -30.0f || v > 20.0f; }

}  // namespace

void gaussian_sample_fwd(Stream& stream, const Tensor& moments_tensor, const Tensor& noise_tensor,
                         const Tensor& z_tensor) {
  const float *moments = f32(moments_tensor), *noise = f32(noise_tensor);
  float* z = f32(z_tensor);
  const int64_t c = z_tensor.shape[3];
  for_each(stream, "gaussian_sample_fwd", elements(z_tensor), EQV_LAMBDA(int64_t i) {
    const float* at = moments + i / c * 2 * c + i % c;
    z[i] = at[0] + expf(0.5f * clamped(at[c])) * noise[i];
  });
}

void gaussian_sample_bwd(Stream& stream, const Tensor& dz_tensor, const Tensor& moments_tensor,
                         const Tensor& noise_tensor, const Tensor& dmoments_tensor) {
  const float *dz = f32(dz_tensor), *moments = f32(moments_tensor), *noise = f32(noise_tensor);
  float* dmoments = f32(dmoments_tensor);
  const int64_t c = dz_tensor.shape[3];
  for_each(stream, "gaussian_sample_bwd", elements(dz_tensor), EQV_LAMBDA(int64_t i) {
    const int64_t at = i / c * 2 * c + i % c;
    const float l = moments[at + c];
    dmoments[at] = dz[i];
    dmoments[at + c] = outside(l) ? 0.0f : 0.5f * expf(0.5f * clamped(l)) * noise[i] * dz[i];
  });
}

void gaussian_kl_fwd(Stream& stream, const Tensor& moments_tensor, const Tensor& out_tensor) {
  const float* moments = f32(moments_tensor);
  float* out = f32(out_tensor);
  const int64_t c = moments_tensor.shape[3] / 2;
  const double samples = static_cast<double>(moments_tensor.shape[0]);
  reduce_all(
      stream, "gaussian_kl_fwd", elements(moments_tensor) / 2,
      EQV_LAMBDA(int64_t i) -> double {
        const float* at = moments + i / c * 2 * c + i % c;
        const double m = at[0], l = clamped(at[c]);
        return 0.5 * (m * m + exp(l) - 1.0 - l);
      },
      EQV_LAMBDA(double sum) { *out = static_cast<float>(sum / samples); });
}

void gaussian_kl_bwd(Stream& stream, const Tensor& dout_tensor, const Tensor& moments_tensor,
                     const Tensor& dmoments_tensor) {
  const float *dout = f32(dout_tensor), *moments = f32(moments_tensor);
  float* dmoments = f32(dmoments_tensor);
  const int64_t c = moments_tensor.shape[3] / 2;
  const float samples = static_cast<float>(moments_tensor.shape[0]);
  for_each(stream, "gaussian_kl_bwd", elements(moments_tensor) / 2, EQV_LAMBDA(int64_t i) {
    const int64_t at = i / c * 2 * c + i % c;
    const float l = moments[at + c], factor = *dout / samples;
    dmoments[at] = factor * moments[at];
    const double variance = exp(static_cast<double>(clamped(l)));
    dmoments[at + c] = outside(l) ? 0.0f : factor * static_cast<float>(0.5 * (variance - 1.0));
  });
}

}  // namespace eqv::backend
