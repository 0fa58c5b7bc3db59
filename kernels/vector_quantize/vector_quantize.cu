// The nearest code of each vector: tiles of the product of vectors and codes, of which every thread keeps its smallest
// score so far. No distances are stored. Backward in gather form: a warp per code, in the order of the vectors.
#include "common/gemm.h"

namespace eqv::backend {

using namespace gpu;

namespace {

constexpr int kWarp = 32, kWarps = kThreads / kWarp, kPerLane = 4;

// A score |e|² − 2 z·e and its code. Of equal scores the one with the lower code counts as smaller.
struct Nearest {
  float score;
  int code;

  __device__ bool operator<(const Nearest& other) const {
    return score < other.score || (score == other.score && code < other.code);
  }
};

// A NaN counts as smaller than any number.
__device__ float ordered(float score) { return score == score ? score : -INFINITY; }

// grid: tiles of 64 vectors × parts of the codes. out[part][vector] = the nearest code of the part.
template <class Z, class E>
__global__ void __launch_bounds__(kThreads)
    nearest_kernel(GemmSize size, int tiles_of_part, Z z, E e, const float* squares, Nearest* out) {
  const int64_t row0 = static_cast<int64_t>(blockIdx.x) * kTile;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * tiles_of_part * kTile;
  const int thread = static_cast<int>(threadIdx.x), across = thread % kSide, down = thread / kSide;
  // Larger than every score, with a code of this part: a part whose scores are all infinite still gives one of its codes.
  Nearest best[kPerThread];
  for (int i = 0; i < kPerThread; ++i) best[i] = {INFINITY, static_cast<int>(first)};
  for (int tile = 0; tile < tiles_of_part; ++tile) {
    const int64_t column0 = first + static_cast<int64_t>(tile) * kTile;
    if (column0 >= size.columns) break;
    float sum[kPerThread][kPerThread] = {};
    add_tile(shared_memory<GemmTiles>(), size, 0, row0, column0, 0, size.depth, z, e, sum);
    for (int j = 0; j < kPerThread; ++j) {
      const int64_t code = column0 + across * kPerThread + j;
      if (code >= size.columns) break;
      const float square = squares[code];
      for (int i = 0; i < kPerThread; ++i) {
        const Nearest here = {ordered(square - 2 * sum[i][j]), static_cast<int>(code)};
        if (here < best[i]) best[i] = here;
      }
    }
  }
  for (int i = 0; i < kPerThread; ++i) {
    // The 16 threads of a row are half a warp.
    for (int offset = kSide / 2; offset > 0; offset /= 2) {
      const Nearest other = {__shfl_xor_sync(kAllLanes, best[i].score, offset),
                             __shfl_xor_sync(kAllLanes, best[i].code, offset)};
      if (other < best[i]) best[i] = other;
    }
    const int64_t row = row0 + down * kPerThread + i;
    if (across == 0 && row < size.rows) out[blockIdx.y * size.rows + row] = best[i];
  }
}

// A warp per vector: the nearest of the parts, and its code.
__global__ void __launch_bounds__(kThreads)
    take_kernel(int64_t vectors, int64_t d, int parts, const Nearest* found, const float* codebook, int32_t* index,
                float* zq) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t n = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (n >= vectors) return;
  Nearest best = found[n];
  for (int p = 1; p < parts; ++p) {
    const Nearest here = found[p * vectors + n];
    if (here < best) best = here;
  }
  if (lane == 0) index[n] = best.code;
  for (int64_t i = lane; i < d; i += kWarp) zq[n * d + i] = codebook[best.code * d + i];
}

// grid: codes by the warps of a block × pieces of 128 of the d values.
__global__ void __launch_bounds__(kThreads)
    sum_by_code_kernel(int codes, int64_t vectors, int64_t d, const float* dzq, const int32_t* index, float* dcodebook) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int code = static_cast<int>(blockIdx.x * kWarps + threadIdx.x / kWarp);
  if (code >= codes) return;
  const int64_t at = static_cast<int64_t>(blockIdx.y) * kWarp * kPerLane + lane;
  float sum[kPerLane] = {};
  for (int64_t first = 0; first < vectors; first += kWarp) {
    const bool mine = first + lane < vectors && index[first + lane] == code;
    const unsigned found = __ballot_sync(kAllLanes, mine);
    if (found == 0) continue;
    for (int k = 0; k < kWarp; ++k) {
      if ((found >> k & 1) == 0) continue;
      const float* from = dzq + (first + k) * d;
      for (int i = 0; i < kPerLane; ++i)
        if (at + i * kWarp < d) sum[i] += from[at + i * kWarp];
    }
  }
  for (int i = 0; i < kPerLane; ++i)
    if (at + i * kWarp < d) dcodebook[code * d + at + i * kWarp] = sum[i];
}

}  // namespace

void vector_quantize_fwd(Stream& stream, const Tensor& z_tensor, const Tensor& codebook_tensor,
                         const Tensor& index_tensor, const Tensor& zq_tensor) {
  constexpr int64_t kWantedBlocks = 1024;  // several per multiprocessor
  const int64_t codes = codebook_tensor.shape[0], d = codebook_tensor.shape[1], vectors = elements(z_tensor) / d;
  const float *z = f32(z_tensor), *codebook = f32(codebook_tensor);
  const int64_t rows = ceil_div(vectors, kTile), tiles = ceil_div(codes, kTile);
  const int64_t tiles_of_part = std::max<int64_t>(1, tiles * rows / kWantedBlocks);
  const int64_t parts = ceil_div(tiles, tiles_of_part);
  Workspace workspace(stream, Workspace::bytes<float>(codes) + Workspace::bytes<Nearest>(parts * vectors));
  float* squares = workspace.take<float>(codes);
  Nearest* found = workspace.take<Nearest>(parts * vectors);
  for_each(stream, "vector_quantize_squares", codes, EQV_LAMBDA(int64_t k) {
    float sum = 0;
    for (int64_t i = 0; i < d; ++i) sum += codebook[k * d + i] * codebook[k * d + i];
    squares[k] = sum;
  });
  const auto vector = EQV_LAMBDA(int64_t, int64_t n, int64_t i) -> float { return z[n * d + i]; };
  const auto code = EQV_LAMBDA(int64_t, int64_t i, int64_t k) -> float { return codebook[k * d + i]; };
  launch(stream, "vector_quantize_nearest", dim3(static_cast<unsigned>(rows), static_cast<unsigned>(parts)),
         dim3(kThreads), sizeof(GemmTiles), nearest_kernel<decltype(vector), decltype(code)>,
         GemmSize{vectors, codes, d, 1}, static_cast<int>(tiles_of_part), vector, code,
         static_cast<const float*>(squares), found);
  launch(stream, "vector_quantize_take", dim3(static_cast<unsigned>(ceil_div(vectors, kWarps))), dim3(kThreads), 0,
         take_kernel, vectors, d, static_cast<int>(parts), static_cast<const Nearest*>(found), codebook,
         static_cast<int32_t*>(index_tensor.data), f32(zq_tensor));
}

void vector_quantize_bwd(Stream& stream, const Tensor& dzq, const Tensor& index, const Tensor& dcodebook) {
  const int64_t codes = dcodebook.shape[0], d = dcodebook.shape[1];
  const dim3 grid(static_cast<unsigned>(ceil_div(codes, kWarps)), static_cast<unsigned>(ceil_div(d, kWarp * kPerLane)));
  launch(stream, "vector_quantize_bwd", grid, dim3(kThreads), 0, sum_by_code_kernel, static_cast<int>(codes),
         elements(index), d, f32(dzq), static_cast<const int32_t*>(index.data), f32(dcodebook));
}

}  // namespace eqv::backend
