// Checks that operations on {N,…,C} share.
#pragma once

#include "check.h"

namespace eqv {

// x{N,…,C} of at least one axis: its last axis, and how many rows of it there are.
inline int64_t channels_of(const Tensor& t) { return t.shape[t.rank - 1]; }
inline int64_t rows_of(const Tensor& t) { return elements(t) / channels_of(t); }

inline void has_rows(const Check& c, const Tensor& t) {
  c.that(t.rank >= 1, "x is a scalar", "pass at least one axis");
}

// The same shape as `t` but for the last axis.
inline void shape_but_last(const Check& c, const char* name, const Tensor& t, const char* other_name, const Tensor& other,
                           int64_t last) {
  Tensor expected = other;
  if (expected.rank > 0) expected.shape[expected.rank - 1] = last;
  c.same_shape(name, t, other_name, expected);
}

}  // namespace eqv
