// A factor and a summand for each channel: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_channel_affine(eqv_stream s, const eqv_tensor* x, const eqv_tensor* scale, const eqv_tensor* shift,
                              const eqv_tensor* y) {
  return checked("channel_affine", s, [&](Check& c) {
    const auto &X = c.tensor("x", x, kAnyRank), &Y = c.tensor("y", y, kAnyRank);
    const auto *S = c.optional("scale", scale, 1), *T = c.optional("shift", shift, 1);
    c.has_channels("x", X);
    c.same_shape("y", Y, "x", X);
    if (S) c.shape("scale", *S, {channels_of(X)});
    if (T) c.shape("shift", *T, {channels_of(X)});
    backend::channel_affine(*s, X, S, T, Y);
  });
}

}  // extern "C"
