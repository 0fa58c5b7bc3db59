// Twins of sm_90a's instructions (kernels/common/hopper.h): barriers that count bytes, copies of tiles, products of a
// warpgroup. Copies and products happen as late as the program allows: when it waits for them; with SIMT_EARLY=1 at once.
// What breaks the rules ends the process: a barrier used before it was initialised and fenced, too many arrivals, a tile
// that is not aligned, products without a fence, threads of a warpgroup that disagree.
#pragma once

#include <cstdint>

namespace simt {

// What cuTensorMapEncodeTiled and cuTensorMapEncodeIm2col are told; dimensions from the innermost, 64 channels a box.
struct TensorMap {
  const uint16_t* data;
  bool pixels;                   // {n, h, w, c} read as pixels; otherwise a matrix {rows, columns}
  int64_t columns, rows;         // matrix; c and w of pixels
  int64_t height, images;        // pixels
  int box;                       // rows or pixels of a box
  int first_column, first_row, beyond_columns, beyond_rows, step;
};

// Where p lies in the block's shared memory.
uint32_t shared_offset(const void* p);

void barrier_init(uint64_t* barrier, unsigned arrivals);
void fence_barrier_init();
void barrier_arrive(uint64_t* barrier, unsigned bytes);
void barrier_wait(uint64_t* barrier, unsigned parity);

void tma_matrix_box(void* to, const TensorMap& map, uint64_t* barrier, int row, int column);
void tma_pixels(void* to, const TensorMap& map, uint64_t* barrier, int n, int i, int j, int channel, int r, int s);

void warpgroup_fence();
void warpgroup_multiply(float* d, int columns, uint64_t a, uint64_t b, bool add, bool transposed);
void warpgroup_commit();
void warpgroup_wait(unsigned newest);

}  // namespace simt
