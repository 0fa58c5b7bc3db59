// Copies between layouts and dtypes: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_copy(eqv_stream s, const eqv_tensor* src, const eqv_tensor* dst) {
  return checked("copy", s, [&](Check& c) {
    const auto &S = c.strided("src", src), &D = c.strided("dst", dst);
    c.that((S.dtype == EQV_I32) == (D.dtype == EQV_I32), "dst", "is of another kind",
           {"src is ", dtype_name(S.dtype), " and dst ", dtype_name(D.dtype), ": copy integers to integers"});
    c.same_shape("dst", D, "src", S);
    for (int i = 0; i < D.rank; ++i)
      c.that(D.shape[i] == 1 || D.stride[i] > 0, "dst", "has a stride of 0", "write to a tensor without broadcasting");
    backend::copy(*s, S, D);
  });
}

}  // extern "C"
