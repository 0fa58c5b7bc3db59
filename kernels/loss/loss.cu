// Reconstruction and adversarial losses: sums in double, gradients in fp32.
#include "activation/activation.h"
#include "common/reduce.h"

namespace eqv::backend {

using namespace gpu;

namespace {

__device__ double softplus(double x) { return (x > 0 ? x : x < 0 ? 0.0 : x) + log1p(exp(-fabs(x))); }

// relu(1 + v); a NaN stays one.
__device__ double hinge(double v) { return 1.0 + v <= 0.0 ? 0.0 : 1.0 + v; }

__device__ double value(int32_t kind, double a, double b, double epsilon) {
  switch (kind) {
    case EQV_L1: return fabs(a - b);
    case EQV_L2: return (a - b) * (a - b);
    case EQV_HINGE_REAL: return hinge(-a);
    case EQV_HINGE_FAKE: return hinge(a);
    case EQV_NEGATED_SUM: return -a;
    case EQV_SOFTPLUS_REAL: return softplus(-a);
    case EQV_CHARBONNIER: return sqrt((a - b) * (a - b) + epsilon * epsilon);
    default: return softplus(a);
  }
}

__device__ float slope(int32_t kind, float a, float b, float g, float square) {
  switch (kind) {
    case EQV_L1: {
      const float d = a - b;
      return d > 0.0f ? g : d < 0.0f ? -g : d * 0.0f;  // NaN where either is
    }
    case EQV_L2: return 2.0f * g * (a - b);
    case EQV_HINGE_REAL: return 1.0f - a <= 0.0f ? 0.0f : -g;
    case EQV_HINGE_FAKE: return 1.0f + a <= 0.0f ? 0.0f : g;
    case EQV_NEGATED_SUM: return -g;
    case EQV_SOFTPLUS_REAL: return -g * sigmoid(-a);
    case EQV_CHARBONNIER: return g * (a - b) / sqrtf((a - b) * (a - b) + square);
    default: return g * sigmoid(a);
  }
}

}  // namespace

void loss_fwd(Stream& stream, const eqv_loss_params& p, const Tensor& a_tensor, const Tensor* b_tensor,
              const Tensor& out_tensor) {
  const float *a = f32(a_tensor), *b = f32(b_tensor);
  float* out = f32(out_tensor);
  const int32_t kind = p.kind;
  const double scale = p.scale, epsilon = p.epsilon;
  reduce_all(
      stream, "loss_fwd", elements(a_tensor),
      EQV_LAMBDA(int64_t i) -> double { return value(kind, a[i], b ? b[i] : 0.0f, epsilon); },
      EQV_LAMBDA(double sum) { *out = static_cast<float>(scale * sum); });
}

void loss_bwd(Stream& stream, const eqv_loss_params& p, const Tensor& dout_tensor, const Tensor& a_tensor,
              const Tensor* b_tensor, const Tensor& da_tensor) {
  const float *dout = f32(dout_tensor), *a = f32(a_tensor), *b = f32(b_tensor);
  float* da = f32(da_tensor);
  const int32_t kind = p.kind;
  const double scale = p.scale;
  const float square = static_cast<float>(p.epsilon * p.epsilon);
  for_each(stream, "loss_bwd", elements(a_tensor), EQV_LAMBDA(int64_t i) {
    da[i] = slope(kind, a[i], b ? b[i] : 0.0f, static_cast<float>(scale * static_cast<double>(*dout)), square);
  });
}

}  // namespace eqv::backend
