// Embeddings of classes, times and positions: validate, then hand over to the backend.
#include <cmath>

#include "rows.h"

using namespace eqv;

namespace {

void timestep_shapes(const Check& c, const eqv_timestep_embedding_params& p, const Tensor& t, const char* yn,
                     const Tensor& y) {
  c.that(std::isfinite(p.max_period) && p.max_period >= 1, "max_period must be at least 1", "DiT uses 10000");
  c.that(y.rank == t.rank + 1 && y.rank >= 1, "the result needs one axis more than t", "pass {…,D} for t{…}");
  Tensor one_each = y;
  one_each.rank = t.rank;
  c.same_shape("t", t, yn, one_each);
  c.that(channels_of(y) >= 2, "the embedding has a single value", "pass a width of at least 2");
}

}  // namespace

extern "C" {

eqv_status eqv_rope(eqv_stream s, const eqv_rope_params* params, const eqv_tensor* x, const eqv_tensor* cos,
                    const eqv_tensor* sin, const eqv_tensor* y) {
  return guard("rope", [&] {
    Check c("rope", s);
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, 4), &C = c.tensor("cos", cos, 2), &S = c.tensor("sin", sin, 2),
               &Y = c.activation("y", y, 4);
    c.that(X.shape[3] % 2 == 0, "the heads have an odd size", "neighbours are turned in pairs");
    c.that(p.rotated >= 0 && p.rotated <= X.shape[2], "more heads are to be turned than there are",
           "rotated is at most the number of heads");
    c.that(p.transposed == 0 || p.transposed == 1, "transposed must be 0 or 1", "use one of these");
    for (const auto* t : {&C, &S}) c.shape("cos, sin", *t, {X.shape[1], X.shape[3]});
    c.same_shape("y", Y, "x", X);
    backend::rope(*s, p, X, C, S, Y);
  });
}

eqv_status eqv_embedding_fwd(eqv_stream s, const eqv_tensor* table, const eqv_tensor* index, const eqv_tensor* y) {
  return guard("embedding", [&] {
    Check c("embedding", s);
    const auto &T = c.tensor("table", table, 2), &Y = c.tensor("y", y, -1);
    const auto& I = c.typed("index", index, -1, EQV_I32);
    c.that(Y.rank == I.rank + 1, "y needs one axis more than index", "pass {…,D} for index{…}");
    Tensor one_each = Y;
    one_each.rank = I.rank;
    c.same_shape("index", I, "y without its last axis", one_each);
    c.that(channels_of(Y) == T.shape[1], "the rows of y and of the table differ in width", "pass y{…,D} for table{K,D}");
    c.that(elements(I) <= INT32_MAX && T.shape[0] <= INT32_MAX, "there are more than 2^31 - 1 rows",
           "pass fewer at a time");
    backend::embedding_fwd(*s, T, I, Y);
  });
}

eqv_status eqv_timestep_embedding_fwd(eqv_stream s, const eqv_timestep_embedding_params* params, const eqv_tensor* t,
                                      const eqv_tensor* y) {
  return guard("timestep_embedding", [&] {
    Check c("timestep_embedding", s);
    const auto& p = c.params(params);
    const auto &T = c.tensor("t", t, -1), &Y = c.tensor("y", y, -1);
    timestep_shapes(c, p, T, "y", Y);
    backend::timestep_embedding_fwd(*s, p, T, Y);
  });
}

eqv_status eqv_timestep_embedding_bwd(eqv_stream s, const eqv_timestep_embedding_params* params, const eqv_tensor* dy,
                                      const eqv_tensor* t, const eqv_tensor* dt) {
  return guard("timestep_embedding_bwd", [&] {
    Check c("timestep_embedding_bwd", s);
    const auto& p = c.params(params);
    const auto &DY = c.tensor("dy", dy, -1), &T = c.tensor("t", t, -1), &DT = c.tensor("dt", dt, -1);
    timestep_shapes(c, p, T, "dy", DY);
    c.same_shape("dt", DT, "t", T);
    backend::timestep_embedding_bwd(*s, p, DY, T, DT);
  });
}

}  // extern "C"
