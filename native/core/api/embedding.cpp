// Rows of a table: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_embedding_fwd(eqv_stream s, const eqv_tensor* table, const eqv_tensor* index, const eqv_tensor* y) {
  return checked("embedding", s, [&](Check& c) {
    const auto &T = c.tensor("table", table, 2), &Y = c.tensor("y", y, kAnyRank);
    const auto& I = c.typed("index", index, kAnyRank, EQV_I32);
    c.same_without_last("index", I, "y", Y);
    c.that(channels_of(Y) == T.shape[1], "y", Y, {"its last axis must be that of table, ", T});
    c.that(elements(I) <= INT32_MAX, "index", I, "use at most 2^31 - 1 indices in a call");
    c.that(T.shape[0] <= INT32_MAX, "table", T, "indices are i32: use at most 2^31 - 1 rows");
    backend::embedding_fwd(*s, T, I, Y);
  });
}

}  // extern "C"
