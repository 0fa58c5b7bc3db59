// Adam and AdamW in the order of operations of PyTorch's single-tensor implementation with the moving average of weights,
// in one pass, and the adaptive weight of the adversarial loss.
#include "common/device.h"
#include "optimizer/adam_update.h"

namespace eqv::backend {

using namespace gpu;

namespace {

struct AdamTensors {
  float *w, *m, *v, *average;  // average may be null
  const float *g, *squares, *skip;  // the last two may be null
  const double* schedule;
};

__global__ void __launch_bounds__(kThreads) adam_kernel(int64_t n, eqv_adam_params p, AdamTensors t) {
  if (t.skip && *t.skip != 0) return;
  const AdamUpdate k(p, t.schedule, t.squares ? static_cast<double>(*t.squares) : -1.0);
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    const float weight = t.w[i] * k.decay, gradient = t.g[i] * k.grad_scale + k.l2 * weight, m = t.m[i];
    // torch.lerp's two forms
    const float first = k.lerp < 0.5f ? m + k.lerp * (gradient - m) : gradient - (gradient - m) * k.keep;
    const float second = t.v[i] * k.beta2 + k.rest2 * gradient * gradient;
    const float updated = weight + k.step * first / (sqrtf(second) / k.root_correction + k.eps);
    t.m[i] = first;
    t.v[i] = second;
    t.w[i] = updated;
    if (t.average) t.average[i] = k.average * t.average[i] + k.rest * updated;
  }
}

}  // namespace

void adam(Stream& stream, const eqv_adam_params& p, const Tensor& schedule, const Tensor* squares, const Tensor* skip,
          const Tensor& w, const Tensor& g, const Tensor& m, const Tensor& v, const Tensor* average) {
  const int64_t n = elements(w);
  const AdamTensors t{.w = f32(w),
                      .m = f32(m),
                      .v = f32(v),
                      .average = f32(average),
                      .g = f32(g),
                      .squares = f32(squares),
                      .skip = f32(skip),
                      .schedule = static_cast<const double*>(schedule.data)};
  const auto blocks = static_cast<unsigned>(std::min(ceil_div(n, kThreads), wave(stream)));
  launch(stream, "adam", dim3(blocks), dim3(kThreads), 0, adam_kernel, n, p, t);
}

void adaptive_weight(Stream& stream, const eqv_adaptive_weight_params& p, const Tensor& numerator_tensor,
                     const Tensor& denominator_tensor, const Tensor& out_tensor) {
  const float *numerator = f32(numerator_tensor), *denominator = f32(denominator_tensor);
  float* out = f32(out_tensor);
  const double eps = p.eps, maximum = p.maximum, weight = p.weight;
  for_each(stream, "adaptive_weight", 1, EQV_LAMBDA(int64_t) {
    const double ratio = sqrt(static_cast<double>(*numerator)) / (sqrt(static_cast<double>(*denominator)) + eps);
    *out = static_cast<float>(weight * (ratio > maximum ? maximum : ratio));  // NaN stays
  });
}

}  // namespace eqv::backend
