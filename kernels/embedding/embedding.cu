// Rows of a table by their index.
#include "common/device.h"

namespace eqv::backend {

using namespace gpu;

void embedding_fwd(Stream& stream, const Tensor& table_tensor, const Tensor& index_tensor, const Tensor& y_tensor) {
  const int64_t width = table_tensor.shape[1], rows = table_tensor.shape[0];
  const float* table = f32(table_tensor);
  const auto* index = static_cast<const int32_t*>(index_tensor.data);
  float* y = f32(y_tensor);
  for_each(stream, "embedding_fwd", elements(y_tensor), EQV_LAMBDA(int64_t i) {
    const int64_t row = index[i / width];
    y[i] = row >= 0 && row < rows ? table[row * width + i % width] : NAN;
  });
}

}  // namespace eqv::backend
