// embedding: y[n] = table[index[n]]; NaN where there is no such row. The gradient is that of vector_quantize's codebook.
// PyTorch: F.embedding.
#pragma once

#include <cstdint>
#include <limits>

namespace eqv::ref {

template <class T>
void embedding_fwd(int64_t count, int64_t rows, int64_t width, const T* table, const int32_t* index, T* y) {
  for (int64_t i = 0; i < count * width; ++i) {
    const int64_t row = index[i / width];
    y[i] = row >= 0 && row < rows ? table[row * width + i % width] : std::numeric_limits<T>::quiet_NaN();
  }
}

}  // namespace eqv::ref
