// Twins of sm_90a's instructions (kernels/common/hopper.h): barriers that count bytes, copies of tiles, products of a
// warpgroup. Copies and products are done as late as possible: when the program waits for them; with SIMT_EARLY=1 at once. With
// a seed, some copies to another block of a cluster are done at once.
// These faults end the process: a barrier used before it was initialised and fenced (by another block of the
// cluster: before a cluster barrier after that), too many arrivals, shared memory of a block that has ended, a tile that is
// not aligned, products without a fence, a store of what was written without one, threads of a warpgroup that disagree.
#pragma once

#include <cstdint>

namespace simt {

// The arguments of cuTensorMapEncodeTiled and cuTensorMapEncodeIm2col; dimensions from the innermost, 64 channels a box.
struct TensorMap {
  const uint16_t* data;
  enum class Kind { matrix, pixels, images };  // a matrix {rows, columns}; {n, h, w, c} as pixels in a row, or in boxes
  Kind kind;
  int64_t columns, rows;         // matrix; otherwise c and w
  int64_t height, images;        // not of a matrix
  int box;                       // rows or pixels of a box
  int box_columns;               // of an image
  int first_column, first_row, beyond_columns, beyond_rows, step;
};

// Where p lies in the block's shared memory.
uint32_t shared_offset(const void* p);

void barrier_init(uint64_t* barrier, unsigned arrivals);
void fence_barrier_init();
void barrier_arrive(uint64_t* barrier, unsigned bytes);
void barrier_arrive_at(uint64_t* barrier, unsigned rank);  // at the same barrier of another block of the cluster
void barrier_wait(uint64_t* barrier, unsigned parity);
// The same once: if the phase has not ended, other threads run before the answer.
bool barrier_try(uint64_t* barrier, unsigned parity);
// A clock for bounds of waits: it jumps by an hour when no thread can go on.
uint64_t nanoseconds();

unsigned cluster_rank();
void cluster_arrive();
void cluster_wait();

// `blocks`: a bit for each block of the cluster that a copy goes to.
unsigned this_block();
void tma_matrix_box(void* to, const TensorMap& map, uint64_t* barrier, unsigned blocks, int row, int column);
void tma_pixels(void* to, const TensorMap& map, uint64_t* barrier, unsigned blocks, int n, int i, int j, int channel, int r,
                int s);
void tma_image_box(void* to, const TensorMap& map, uint64_t* barrier, int n, int i, int j, int channel);

void written_by_thread(const void* at);  // what a store of tiles will read
void fence_async_proxy();
void tma_store_box(const void* from, const TensorMap& map, int row, int column);
void tma_store_image_box(const void* from, const TensorMap& map, int n, int i, int j, int channel);
void commit_stores();
void wait_for_stores(unsigned newest);  // until shared memory has been read

void warpgroup_barrier();

void warpgroup_fence();
void warpgroup_multiply(float* d, int columns, uint64_t a, uint64_t b, bool add, bool transposed);
void warpgroup_commit();
void warpgroup_wait(unsigned newest);

}  // namespace simt
