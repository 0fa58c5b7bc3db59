// Tensor maps for kernels/common/hopper.h, made by the driver. Its library is not linked: the runtime finds the
// function, and without a driver this is never called.
#include <cuda_runtime.h>

#include "common/hopper.h"

namespace eqv::gpu {
namespace {

template <class Function>
Function driver_function(const char* name) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found;
  const cudaError_t status = cudaGetDriverEntryPointByVersion(name, &function, 12000, cudaEnableDefault, &found);
  if (status != cudaSuccess) (void)cudaGetLastError();  // or the next kernel would be blamed
  if (status != cudaSuccess || found != cudaDriverEntryPointSuccess)
    throw error(EQV_NO_DEVICE, "conv2d: the driver has no %s; a driver for CUDA 12 or newer is needed on this GPU", name);
  return reinterpret_cast<Function>(function);
}

void require(CUresult result, const char* what) {
  if (result != CUDA_SUCCESS) throw error(EQV_INTERNAL, "%s: the driver refused the tensor map (error %d)", what, result);
}

constexpr cuuint32_t kBoxWidth = 64;

cuuint64_t unsigned_of(int64_t size) { return static_cast<cuuint64_t>(size); }

// Dimensions from the innermost one, and the bytes from one line of each but the first to the next.
template <cuuint32_t kRank>
TensorMap boxes_map(const char* what, const void* data, const cuuint64_t (&size)[kRank], const cuuint64_t (&stride)[kRank - 1],
                    const cuuint32_t (&box)[kRank]) {
  static const auto encode = driver_function<decltype(&cuTensorMapEncodeTiled)>("cuTensorMapEncodeTiled");
  cuuint32_t step[kRank];
  for (cuuint32_t& s : step) s = 1;
  CUtensorMap map;
  require(encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, kRank, const_cast<void*>(data), size, stride, box, step,
                 CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                 CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
          what);
  return map;
}

// Drivers up to that of CUDA 13.0 encode the pixel maps of small tensors with a bit that makes copies fail.
void mend_small(CUtensorMap& map, int64_t bytes) {
  constexpr int64_t kSmall = 131072;
  constexpr int kLastBroken = 13010;
  static const int driver = [] {
    int version = 0;
    cudaDriverGetVersion(&version);
    return version;
  }();
  if (bytes < kSmall && driver <= kLastBroken) map.opaque[1] &= ~(cuuint64_t{1} << 21);
}

}  // namespace

TensorMap matrix_map(const void* data, int64_t rows, int64_t columns, int box_rows) {
  const cuuint64_t size[] = {unsigned_of(columns), unsigned_of(rows)}, stride[] = {unsigned_of(columns * 2)};
  const cuuint32_t box[] = {kBoxWidth, static_cast<cuuint32_t>(box_rows)};
  return boxes_map("matrix_map", data, size, stride, box);
}

TensorMap image_map(const void* data, int n, int h, int w, int c, int box_rows, int box_columns) {
  const cuuint64_t size[] = {unsigned_of(c), unsigned_of(w), unsigned_of(h), unsigned_of(n)};
  const cuuint64_t stride[] = {size[0] * 2, size[0] * size[1] * 2, size[0] * size[1] * size[2] * 2};
  const cuuint32_t box[] = {kBoxWidth, static_cast<cuuint32_t>(box_columns), static_cast<cuuint32_t>(box_rows), 1};
  return boxes_map("image_map", data, size, stride, box);
}

TensorMap pixels_map(const void* data, int n, int h, int w, int c, PixelRange range, int step, int box_pixels) {
  static const auto encode = driver_function<decltype(&cuTensorMapEncodeIm2col)>("cuTensorMapEncodeIm2col");
  const cuuint64_t size[] = {unsigned_of(c), unsigned_of(w), unsigned_of(h), unsigned_of(n)};
  const cuuint64_t stride[] = {size[0] * 2, size[0] * size[1] * 2, size[0] * size[1] * size[2] * 2};
  const int lower[] = {range.first_column, range.first_row}, upper[] = {range.beyond_columns, range.beyond_rows};
  const auto s = static_cast<cuuint32_t>(step);
  const cuuint32_t steps[] = {1, s, s, 1};
  CUtensorMap map;
  require(encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 4, const_cast<void*>(data), size, stride, lower, upper, kBoxWidth,
                 static_cast<cuuint32_t>(box_pixels), steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                 CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
          "pixels_map");
  mend_small(map, int64_t{n} * h * w * c * 2);
  return map;
}

}  // namespace eqv::gpu
