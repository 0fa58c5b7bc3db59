// Sinusoidal embeddings of times: the checks of arguments.
#include <cmath>

#include "check.h"

using namespace eqv;

namespace {

void timestep_shapes(const Check& c, const eqv_timestep_embedding_params& p, const Tensor& t, const char* yn,
                     const Tensor& y) {
  c.that(std::isfinite(p.max_period) && p.max_period >= 1, "max_period", p.max_period, "use 1 or more; DiT uses 10000");
  c.same_without_last("t", t, yn, y);
  c.that(channels_of(y) >= 2, yn, y, "its last axis needs at least a cosine and a sine: use a width of 2 or more");
}

}  // namespace

extern "C" {

eqv_status eqv_timestep_embedding_fwd(eqv_stream s, const eqv_timestep_embedding_params* params, const eqv_tensor* t,
                                      const eqv_tensor* y) {
  return checked("timestep_embedding", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &T = c.tensor("t", t, kAnyRank), &Y = c.tensor("y", y, kAnyRank);
    timestep_shapes(c, p, T, "y", Y);
    backend::timestep_embedding_fwd(*s, p, T, Y);
  });
}

eqv_status eqv_timestep_embedding_bwd(eqv_stream s, const eqv_timestep_embedding_params* params, const eqv_tensor* dy,
                                      const eqv_tensor* t, const eqv_tensor* dt) {
  return checked("timestep_embedding_bwd", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &DY = c.tensor("dy", dy, kAnyRank), &T = c.tensor("t", t, kAnyRank), &DT = c.tensor("dt", dt, kAnyRank);
    timestep_shapes(c, p, T, "dy", DY);
    c.same_shape("dt", DT, "t", T);
    backend::timestep_embedding_bwd(*s, p, DY, T, DT);
  });
}

}  // extern "C"
