// The nearest code of each vector: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

// Vectors {…,D}, one index each, and a table {K,D}.
void quantize_shapes(const Check& c, const char* vectors_name, const Tensor& vectors, const Tensor& index,
                     const char* table_name, const Tensor& table) {
  c.that(vectors.rank >= 1 && channels_of(vectors) == table.shape[1], vectors_name, vectors,
         {"its last axis must be that of ", table_name, ", ", table});
  c.same_without_last("index", index, vectors_name, vectors);
  c.that(elements(index) <= INT32_MAX, vectors_name, vectors, "use at most 2^31 - 1 vectors in a call");
  c.that(table.shape[0] <= INT32_MAX, table_name, table, "indices are i32: use at most 2^31 - 1 codes");
}

}  // namespace

extern "C" {

eqv_status eqv_vector_quantize_fwd(eqv_stream s, const eqv_tensor* z, const eqv_tensor* codebook,
                                   const eqv_tensor* index, const eqv_tensor* zq) {
  return checked("vector_quantize", s, [&](Check& c) {
    const auto &Z = c.tensor("z", z, kAnyRank), &E = c.tensor("codebook", codebook, 2), &Q = c.tensor("zq", zq, kAnyRank);
    const auto& I = c.typed("index", index, kAnyRank, EQV_I32);
    quantize_shapes(c, "z", Z, I, "codebook", E);
    c.same_shape("zq", Q, "z", Z);
    c.products(elements(Z), E.shape[0]);
    backend::vector_quantize_fwd(*s, Z, E, I, Q);
  });
}

eqv_status eqv_vector_quantize_bwd(eqv_stream s, const eqv_tensor* dzq, const eqv_tensor* index,
                                   const eqv_tensor* dcodebook) {
  return checked("vector_quantize_bwd", s, [&](Check& c) {
    const auto &DQ = c.tensor("dzq", dzq, kAnyRank), &DE = c.tensor("dcodebook", dcodebook, 2);
    const auto& I = c.typed("index", index, kAnyRank, EQV_I32);
    quantize_shapes(c, "dzq", DQ, I, "dcodebook", DE);
    backend::vector_quantize_bwd(*s, DQ, I, DE);
  });
}

}  // extern "C"
