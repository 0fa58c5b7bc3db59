// One level of LPIPS: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

// A weight for each channel, or for each value.
void head_weights(const Check& c, const Tensor& f, const Tensor& w) {
  if (w.rank == 4) c.same_shape("w", w, "f0", f);
  else c.shape("w", w, {f.shape[3]});
}

}  // namespace

extern "C" {

eqv_status eqv_lpips_head_fwd(eqv_stream s, const eqv_tensor* f0, const eqv_tensor* f1, const eqv_tensor* w,
                              const eqv_tensor* out) {
  return checked("lpips_head", s, [&](Check& c) {
    const auto &A = c.activation("f0", f0, 4), &B = c.activation("f1", f1, 4), &W = c.tensor("w", w, kAnyRank),
               &O = c.tensor("out", out, 1);
    c.same_shape("f1", B, "f0", A);
    head_weights(c, A, W);
    c.shape("out", O, {A.shape[0]});
    backend::lpips_head_fwd(*s, A, B, W, O);
  });
}

eqv_status eqv_lpips_head_bwd(eqv_stream s, const eqv_tensor* dout, const eqv_tensor* f0, const eqv_tensor* f1,
                              const eqv_tensor* w, const eqv_tensor* df1) {
  return checked("lpips_head_bwd", s, [&](Check& c) {
    const auto &A = c.activation("f0", f0, 4), &B = c.activation("f1", f1, 4), &DF = c.activation("df1", df1, 4),
               &D = c.tensor("dout", dout, 1), &W = c.tensor("w", w, kAnyRank);
    c.same_shape("f1", B, "f0", A);
    c.same_shape("df1", DF, "f0", A);
    head_weights(c, A, W);
    c.shape("dout", D, {A.shape[0]});
    backend::lpips_head_bwd(*s, D, A, B, W, DF);
  });
}

}  // extern "C"
