// Weights that fold 2× upsampling into the convolution after it: see upsample_weight_ref.h.
#include "common/values.h"

namespace eqv::backend {

using namespace gpu;

void upsample_weight_fwd(Stream& stream, const Tensor& w_tensor, const Tensor& v_tensor) {
  const int outputs = static_cast<int>(w_tensor.shape[0]), inputs = static_cast<int>(w_tensor.shape[1]);
  const float* w = f32(w_tensor);
  float* v = f32(v_tensor);
  for_each(stream, "upsample_weight_fwd", int64_t{inputs} * outputs * 16, EQV_LAMBDA(int64_t at) {
    const int tap = static_cast<int>(at % 16), m = tap / 4, n = tap % 4;
    const int pair = static_cast<int>(at / 16), o = pair % outputs, i = pair / outputs;
    const float* from = w + (int64_t{o} * inputs + i) * 9;
    float sum = 0;
    for (int r = 2 - m; r <= 3 - m; ++r)
      for (int s = 2 - n; s <= 3 - n; ++s)
        if (r >= 0 && r <= 2 && s >= 0 && s <= 2) sum += from[r * 3 + s];
    v[at] = sum;
  });
}

void upsample_weight_bwd(Stream& stream, const Tensor& dv_tensor, const Tensor& dw_tensor) {
  const int outputs = static_cast<int>(dw_tensor.shape[0]), inputs = static_cast<int>(dw_tensor.shape[1]);
  const float* dv = f32(dv_tensor);
  float* dw = f32(dw_tensor);
  for_each(stream, "upsample_weight_bwd", int64_t{inputs} * outputs * 9, EQV_LAMBDA(int64_t at) {
    const int tap = static_cast<int>(at % 9), r = tap / 3, s = tap % 3;
    const int pair = static_cast<int>(at / 9), i = pair % inputs, o = pair / inputs;
    const float* from = dv + (int64_t{i} * outputs + o) * 16 + (2 - r) * 4 + 2 - s;
    dw[at] = (from[0] + from[1]) + (from[4] + from[5]);
  });
}

}  // namespace eqv::backend
