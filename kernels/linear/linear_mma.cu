// A linear layer with an activation on the tensor cores of sm_80 and newer: rows × outputs, over the inputs
// (common/mma_gemm.h).
//
// While a warp holds its sums it has no registers left for an activation. So it writes them, rounded, to the memory of the
// ring, which is free by then, and reads them again in vectors of 16 bytes: these it activates and stores, in a loop that is
// short. Warps do not wait for each other there, because each reads what it wrote.
#include "activation/activation.h"
#include "common/mma_gemm.h"
#include "conv2d/pack_weights.h"
#include "conv2d/padded_pixels.h"
#include "linear/activated_linear.h"

namespace eqv::gpu {
namespace {

// A{row, input} and B{output, input}, which lie side by side along the inputs.
template <class T>
struct Lines {
  using Element = T;
  static constexpr bool kAlongDepth = true;
  const T* data;
  int width;

  using Line = const T*;
  using Step = int;
  __device__ Line line(int, int line) const { return data + int64_t{line} * width; }
  __device__ Step step(int k) const { return k; }
  __device__ const T* at(Line l, Step s) const { return l + s; }
};

// A warp's kRows × kColumns results.
template <class T, int kRows, int kColumns>
struct WarpResults {
  using Tile = OperandTile<T, true, kRows>;
  Tile tiles[kColumns / Tile::kDepth];

  __device__ T* vector(int row, int column) { return tiles[column / Tile::kDepth].at(row, column % Tile::kDepth); }
  __device__ T* pair(int row, int column) { return vector(row, column) + column % Tile::kVector; }
};

template <class T>
struct Activated {
  using AfterTile = void;
  const float* bias;
  T *before, *y;  // before: null at inference
  int rows, columns;
  bool in_vectors;  // rows of y and of before are whole vectors
  int32_t kind;
  float slope;

  __device__ void operator()(int, int, int, int column, float& first, float& second) const {
    if (!bias) return;
    first += bias[column];
    if (column + 1 < columns) second += bias[column + 1];
  }

  template <int kDown, int kAcross, class Value>
  __device__ void after_tile(int row, int column, Value value) const {
    using Results = WarpResults<T, kDown * 16, kAcross * 8>;
    constexpr int kVector = Factors<T>::kVector, kVectors = kAcross * 8 / kVector;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    Results& results = shared_memory<Results[kThreads / 32]>()[threadIdx.x / 32];
    __syncthreads();  // no warp reads the ring any more
#pragma unroll
    for (int i = 0; i < kDown; ++i)
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int j = 0; j < kAcross; ++j)
          store_pair(results.pair(i * 16 + half * 8 + lane / 4, j * 8 + lane % 4 * 2), value(i, j, half, 0),
                     value(i, j, half, 1));
    __syncwarp();
#pragma unroll 1
    for (int at = lane; at < kDown * 16 * kVectors; at += 32) {
      const int r = at / kVectors, c = at % kVectors * kVector;
      if (row + r >= rows || column + c >= columns) continue;
      T* z = results.vector(r, c);
      const int64_t to = int64_t{row + r} * columns + column + c;
      if (before) store(z, before + to, columns - column - c);
      activate_vector(kind, slope, z, z);
      store(z, y + to, columns - column - c);
    }
  }

 private:
  // The first `count` values of a vector, or all.
  __device__ void store(const T* vector, T* to, int count) const {
    constexpr int kVector = Factors<T>::kVector;
    if (in_vectors) return copy_16(to, vector);
    for (int i = 0; i < kVector && i < count; ++i) to[i] = vector[i];
  }
};

// The ring is larger than all warps' results.
template <class T, class Tile>
constexpr bool kFits = sizeof(WarpResults<T, Tile::kWarpRows, Tile::kWarpColumns>) * (kThreads / 32) <=
                       sizeof(MmaStages<Tile, Lines<T>, Lines<T>>);

template <class T>
void product(Stream& stream, const eqv_activation_params& p, const Tensor& x, const Tensor& w, const Tensor* bias,
             const Tensor* before, const Tensor& y) {
  static_assert(kFits<T, WideTile> && kFits<T, MiddleTile> && kFits<T, NarrowTile>);
  const int rows = static_cast<int>(x.shape[0]), outputs = static_cast<int>(w.shape[0]);
  Workspace workspace(stream, pixels_bytes<T>(x) + packed_bytes<T>(w, PackedPart::kForward, nullptr));
  const Pixels<T> source = pixels_of<T>(stream, workspace, x);
  const auto weights = packed_weights<T>(stream, workspace, w, PackedPart::kForward, nullptr);
  const Activated<T> store{.bias = f32(bias),
                           .before = before ? static_cast<T*>(before->data) : nullptr,
                           .y = static_cast<T*>(y.data),
                           .rows = rows,
                           .columns = outputs,
                           .in_vectors = !needs_copy<T>(y) && (!before || !needs_copy<T>(*before)),
                           .kind = p.kind,
                           .slope = p.slope};
  mma_gemm(stream, "linear_fwd", {rows, outputs, source.c, 1}, Lines<T>{source.data, source.c},
           Lines<T>{weights.data, weights.depth}, store);
}

}  // namespace

void linear_mma_fwd(Stream& stream, const eqv_activation_params& p, const Tensor& x, const Tensor& w, const Tensor* bias,
                    const Tensor* before, const Tensor& y) {
  if (x.dtype == EQV_F32)
    product<float>(stream, p, x, w, bias, before, y);
  else
    product<Bf16>(stream, p, x, w, bias, before, y);
}

}  // namespace eqv::gpu
