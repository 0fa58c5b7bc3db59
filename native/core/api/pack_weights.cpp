// Weights as tensor cores read them: the checks of arguments.
#include "packing.h"

using namespace eqv;

extern "C" {

eqv_status eqv_pack_weights(eqv_stream s, const eqv_tensor* layout, const eqv_tensor* values, const eqv_tensor* packed) {
  return checked("pack_weights", s, [&](Check& c) {
    packing(c, *s, layout, "values", c.tensor("values", values, 1), packed);
    backend::pack_weights(*s, *layout, *values, nullptr, *packed);
  });
}

}  // extern "C"
