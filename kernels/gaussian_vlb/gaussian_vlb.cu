// A diffusion's variational bound: a block sums a sample in double.
#include "common/reduce.h"
#include "gaussian_vlb/gaussian_vlb.h"

namespace eqv::backend {

using namespace gpu;

void gaussian_vlb_fwd(Stream& stream, const Tensor& said_tensor, const Tensor* variance_tensor, const Tensor& start_tensor,
                      const Tensor& noisy_tensor, const Tensor& steps_tensor, const Tensor& out_tensor) {
  const int64_t samples = said_tensor.shape[0], count = elements(said_tensor) / samples;
  const float *said = f32(said_tensor), *variance = f32(variance_tensor), *start = f32(start_tensor),
              *noisy = f32(noisy_tensor), *steps = f32(steps_tensor);
  float* out = f32(out_tensor);
  const double share = 1 / (static_cast<double>(count) * kNatsPerBit);
  reduce_rows(
      stream, "gaussian_vlb_fwd", samples, count,
      EQV_LAMBDA(int64_t n, int64_t j) -> double {
        const int64_t i = n * count + j;
        const VlbStep<float> step(steps + n * kVlbColumns);
        return vlb_term(step, said[i], variance ? variance[i] : -1.0f, start[i], noisy[i]).value;
      },
      EQV_LAMBDA(int64_t n, double sum) { out[n] = static_cast<float>(sum * share); });
}

void gaussian_vlb_bwd(Stream& stream, const Tensor& dout_tensor, const Tensor& said_tensor, const Tensor* variance_tensor,
                      const Tensor& start_tensor, const Tensor& noisy_tensor, const Tensor& steps_tensor,
                      const Tensor* dsaid_tensor, const Tensor* dvariance_tensor) {
  const int64_t count = elements(said_tensor) / said_tensor.shape[0];
  const float *dout = f32(dout_tensor), *said = f32(said_tensor), *variance = f32(variance_tensor),
              *start = f32(start_tensor), *noisy = f32(noisy_tensor), *steps = f32(steps_tensor);
  float *dsaid = f32(dsaid_tensor), *dvariance = f32(dvariance_tensor);
  const double share = 1 / (static_cast<double>(count) * kNatsPerBit);
  for_each(stream, "gaussian_vlb_bwd", elements(said_tensor), EQV_LAMBDA(int64_t i) {
    const int64_t n = i / count;
    const VlbStep<float> step(steps + n * kVlbColumns);
    const VlbTerm<float> term = vlb_term(step, said[i], variance ? variance[i] : -1.0f, start[i], noisy[i]);
    const float factor = static_cast<float>(share * static_cast<double>(dout[n]));
    if (dsaid) dsaid[i] = factor * term.said;
    if (dvariance) dvariance[i] = factor * term.variance;
  });
}

}  // namespace eqv::backend
