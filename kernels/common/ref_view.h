// Views of tensors for reference code: indices instead of pointer arithmetic. Reference code must be easy to compare with
// the formula; its speed does not matter.
#pragma once

#include <cstdint>

#include "eqv.h"

namespace eqv::ref {

template <class T>
struct View {
  T* data;
  int64_t n0, n1, n2, n3;

  // The last four dimensions of a contiguous tensor; missing ones are 1.
  explicit View(const eqv_tensor& t)
      : data(static_cast<T*>(t.data)), n0(dim(t, 4)), n1(dim(t, 3)), n2(dim(t, 2)), n3(dim(t, 1)) {}

  T& operator()(int64_t a, int64_t b, int64_t c, int64_t d) const { return data[((a * n1 + b) * n2 + c) * n3 + d]; }
  T& operator()(int64_t a, int64_t b, int64_t c) const { return data[(a * n2 + b) * n3 + c]; }  // rank 3
  T& operator()(int64_t a, int64_t b) const { return data[a * n3 + b]; }                        // rank 2
  T& operator[](int64_t i) const { return data[i]; }
  int64_t size() const { return n0 * n1 * n2 * n3; }

 private:
  static int64_t dim(const eqv_tensor& t, int from_end) { return t.rank >= from_end ? t.shape[t.rank - from_end] : 1; }
};

}  // namespace eqv::ref
