// embedding: y[n] = table[index[n]]; NaN where there is no such row. The gradient is that of vector_quantize's codebook.
// PyTorch: F.embedding.
#include <cstdint>
#include <limits>

#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
void embedding_fwd(int64_t count, int64_t rows, int64_t width, const T* table, const int32_t* index, T* y) {
  for (int64_t i = 0; i < count * width; ++i) {
    const int64_t row = index[i / width];
    y[i] = row >= 0 && row < rows ? table[row * width + i % width] : std::numeric_limits<T>::quiet_NaN();
  }
}

}  // namespace eqv::ref

namespace eqv::backend {

void embedding_fwd(Stream&, const Tensor& table, const Tensor& index, const Tensor& y) {
  ref::embedding_fwd(elements(index), table.shape[0], table.shape[1], data(table), static_cast<int32_t*>(index.data),
                     data(y));
}

}  // namespace eqv::backend
