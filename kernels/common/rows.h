// A walk over the rows of images.
#pragma once

#include "common/device.h"

namespace eqv::gpu {

// f(row, place) for the rows of all images and every place below `width`. Both numbers fit 32 bits, whose divisions are far
// cheaper than those of a 64-bit index into the whole tensor.
template <class F>
__global__ void __launch_bounds__(kThreads) each_in_row_kernel(unsigned rows, unsigned width, F f) {
  for (unsigned row = blockIdx.y; row < rows; row += gridDim.y)
    for (unsigned at = blockIdx.x * kThreads + threadIdx.x; at < width; at += gridDim.x * kThreads) f(row, at);
}

template <class F>
void each_in_row(Stream& stream, const char* name, int64_t rows, int64_t width, F f) {
  const dim3 grid(static_cast<unsigned>(std::min<int64_t>(ceil_div(width, kThreads), 1024)),
                  static_cast<unsigned>(std::min<int64_t>(rows, 65535)));
  launch(stream, name, grid, dim3(kThreads), 0, each_in_row_kernel<F>, static_cast<unsigned>(rows),
         static_cast<unsigned>(width), f);
}

}  // namespace eqv::gpu
