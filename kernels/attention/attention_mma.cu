// softmax(scale·q·kᵀ)·v on tensor cores, in bf16 or TF32. Scores and sums are fp32; probabilities and their gradients have
// the dtype of the activations. All are in scratch memory, with rows padded with zeros to whole vectors of keys.
#include "attention/attention_mma.h"

#include "attention/row_exponentials.h"
#include "common/mma_gemm.h"
#include "common/pairs.h"
#include "common/reduce.h"

namespace eqv::gpu {
namespace {

// One of q, k, v, o or their gradients, {token, d} of each head: heads are slices of the channels.
template <class T>
struct Heads {
  using Element = T;
  T* data;
  int tokens, width, heads, dim;

  __device__ T* of(int batch, int token) const {
    return data + (int64_t{batch / heads} * tokens + token) * width + batch % heads * dim;
  }
};

template <class T>
Heads<T> heads_of(const eqv_attention_params& p, const Tensor& t) {
  const int width = static_cast<int>(t.shape[2]);
  return {.data = static_cast<T*>(t.data),
          .tokens = static_cast<int>(t.shape[1]),
          .width = width,
          .heads = p.heads,
          .dim = width / p.heads};
}

// Probabilities or their gradients, {token, key} of each head with padded rows.
template <class T>
struct Scores {
  using Element = T;
  T* data;
  int tokens, width;

  __device__ T* of(int batch, int token) const { return data + (int64_t{batch} * tokens + token) * width; }
};

// A batch of such matrices as an operand of mma_gemm.h: rows are lines, read along the depth. kPadded: lines beyond the last
// row are zeros.
template <class Matrix, bool kPadded>
struct Along {
  using Element = typename Matrix::Element;
  static constexpr bool kAlongDepth = true;
  Matrix matrix;
  const Element* data;
  explicit Along(const Matrix& m) : matrix(m), data(m.data) {}

  using Line = const Element*;
  using Step = int;
  __device__ Line line(int batch, int token) const {
    return !kPadded || token < matrix.tokens ? matrix.of(batch, token) : nullptr;
  }
  __device__ Step step(int k) const { return k; }
  __device__ const Element* at(Line l, Step s) const { return !kPadded || l ? l + s : nullptr; }
};

// The same transposed: its columns are lines, rows are the depth.
template <class Matrix>
struct Across {
  using Element = typename Matrix::Element;
  static constexpr bool kAlongDepth = false;
  Matrix matrix;
  const Element* data;
  explicit Across(const Matrix& m) : matrix(m), data(m.data) {}

  using Line = const Element*;
  using Step = int64_t;
  __device__ Line line(int batch, int column) const { return matrix.of(batch, 0) + column; }
  __device__ Step step(int token) const { return int64_t{token} * matrix.width; }
  __device__ const Element* at(Line l, Step s) const { return l + s; }
};

template <class T>
using AlongHead = Along<Heads<T>, true>;
template <class T>
using AcrossHead = Across<Heads<T>>;
template <class T>
using AlongKeys = Along<Scores<T>, false>;
template <class T>
using AcrossKeys = Across<Scores<T>>;

// Results {token, d} of a head.
template <class T>
struct ToHead {
  Heads<T> heads;
  __device__ void operator()(int batch, int, int token, int d, float first, float second) const {
    store_pair(heads.of(batch, token) + d, first, second);  // dim is even: the second is inside
  }
};

// A block per row: probabilities of fp32 scores, log Σ exp to lse.
template <class T>
__global__ void __launch_bounds__(kThreads)
    softmax_to(int keys, int wide, const float* scores, T* probabilities, float* lse) {
  const float* row = scores + int64_t{blockIdx.x} * wide;
  T* out = probabilities + int64_t{blockIdx.x} * wide;
  const RowExponentials e = row_exponentials(row, keys);
  const float share = static_cast<float>(1 / e.sum);
  for (int i = static_cast<int>(threadIdx.x); i < wide; i += kThreads)
    out[i] = dtype::narrow<T>(i < keys ? expf(row[i] - e.top) * share : 0.0f);
  if (threadIdx.x == 0) lse[blockIdx.x] = static_cast<float>(e.most + log(e.sum));
}

template <class T>
int padded(int keys) {
  constexpr int kUnit = Factors<T>::kVector;
  return (keys + kUnit - 1) / kUnit * kUnit;
}

template <class T>
void forward(Stream& stream, const eqv_attention_params& p, const Tensor& q_tensor, const Tensor& k_tensor,
                        const Tensor& v_tensor, const Tensor& o_tensor, const Tensor& lse_tensor) {
  const Heads<T> q = heads_of<T>(p, q_tensor), k = heads_of<T>(p, k_tensor), v = heads_of<T>(p, v_tensor), o = heads_of<T>(p, o_tensor);
  const int batch = static_cast<int>(q_tensor.shape[0]) * p.heads, wide = padded<T>(k.tokens);
  const int64_t count = int64_t{batch} * q.tokens * wide;
  Workspace workspace(stream, Workspace::bytes<float>(count) + Workspace::bytes<T>(count));
  float* scores = workspace.take<float>(count);
  const Scores<T> probabilities{workspace.take<T>(count), q.tokens, wide};
  const float scale = p.scale;
  const int tokens = q.tokens;
  mma_gemm(stream, "attention_fwd", {tokens, wide, q.dim, batch}, AlongHead<T>(q), AlongHead<T>(k),
           EQV_LAMBDA(int b, int, int t, int j, float first, float second) {
             float* at = scores + (int64_t{b} * tokens + t) * wide + j;
             at[0] = scale * first;
             at[1] = scale * second;
           });
  launch(stream, "attention_fwd", dim3(static_cast<unsigned>(batch * tokens)), dim3(kThreads), sizeof(BlockScratch),
         softmax_to<T>, k.tokens, wide, static_cast<const float*>(scores), probabilities.data, f32(lse_tensor));
  mma_gemm(stream, "attention_fwd", {tokens, v.dim, k.tokens, batch}, AlongKeys<T>(probabilities), AcrossHead<T>(v), ToHead<T>{o});
}

template <class T>
void backward(Stream& stream, const eqv_attention_params& p, const Tensor& do_tensor, const Tensor& q_tensor,
                        const Tensor& k_tensor, const Tensor& v_tensor, const Tensor& o_tensor,
                        const Tensor& lse_tensor, const Tensor& dq_tensor, const Tensor& dk_tensor,
                        const Tensor& dv_tensor) {
  const Heads<T> q = heads_of<T>(p, q_tensor), k = heads_of<T>(p, k_tensor), v = heads_of<T>(p, v_tensor), o = heads_of<T>(p, o_tensor);
  const Heads<T> d_o = heads_of<T>(p, do_tensor), dq = heads_of<T>(p, dq_tensor), dk = heads_of<T>(p, dk_tensor);
  const Heads<T> dv = heads_of<T>(p, dv_tensor);
  const int batch = static_cast<int>(q_tensor.shape[0]) * p.heads, wide = padded<T>(k.tokens);
  const int tokens = q.tokens, keys = k.tokens;
  const int64_t rows = int64_t{batch} * tokens, count = rows * wide;
  Workspace workspace(stream, 2 * Workspace::bytes<T>(count) + Workspace::bytes<float>(rows));
  const Scores<T> probabilities{workspace.take<T>(count), tokens, wide}, dscores{workspace.take<T>(count), tokens, wide};
  float* delta = workspace.take<float>(rows);  // Σ do·o of a row
  const float *lse = f32(lse_tensor), scale = p.scale;
  reduce_rows(
      stream, "attention_bwd", rows, o.dim,
      EQV_LAMBDA(int64_t row, int64_t d) -> double {
        const int b = static_cast<int>(row / tokens), t = static_cast<int>(row % tokens);
        return static_cast<double>(dtype::widen(d_o.of(b, t)[d]) * dtype::widen(o.of(b, t)[d]));
      },
      EQV_LAMBDA(int64_t row, double sum) { delta[row] = static_cast<float>(sum); });
  mma_gemm(stream, "attention_bwd", {tokens, wide, q.dim, batch}, AlongHead<T>(q), AlongHead<T>(k),
           EQV_LAMBDA(int b, int, int t, int j, float first, float second) {
             const int64_t row = int64_t{b} * tokens + t;
             T* at = probabilities.data + row * wide + j;
             at[0] = dtype::narrow<T>(j < keys ? expf(scale * first - lse[row]) : 0.0f);
             at[1] = dtype::narrow<T>(j + 1 < keys ? expf(scale * second - lse[row]) : 0.0f);
           });
  mma_gemm(stream, "attention_bwd", {tokens, wide, v.dim, batch}, AlongHead<T>(d_o), AlongHead<T>(v),
           EQV_LAMBDA(int b, int, int t, int j, float first, float second) {
             const int64_t row = int64_t{b} * tokens + t, at = row * wide + j;
             const T* probability = probabilities.data + at;
             dscores.data[at] = dtype::narrow<T>(scale * dtype::widen(probability[0]) * (first - delta[row]));
             dscores.data[at + 1] = dtype::narrow<T>(scale * dtype::widen(probability[1]) * (second - delta[row]));
           });
  mma_gemm(stream, "attention_bwd", {tokens, q.dim, keys, batch}, AlongKeys<T>(dscores), AcrossHead<T>(k), ToHead<T>{dq});
  mma_gemm(stream, "attention_bwd", {keys, k.dim, tokens, batch}, AcrossKeys<T>(dscores), AcrossHead<T>(q), ToHead<T>{dk});
  mma_gemm(stream, "attention_bwd", {keys, v.dim, tokens, batch}, AcrossKeys<T>(probabilities), AcrossHead<T>(d_o), ToHead<T>{dv});
}

}  // namespace

bool attention_fits_tensor_cores(const Stream& stream, const eqv_attention_params& p,
                                 std::initializer_list<const Tensor*> read) {
  for (const Tensor* t : read) {
    const int64_t vector = t->dtype == EQV_BF16 ? Factors<Bf16>::kVector : Factors<float>::kVector;
    if (!on_tensor_cores(stream, *t) || t->shape[2] / p.heads % vector || reinterpret_cast<uintptr_t>(t->data) % 16)
      return false;
  }
  return true;
}

void attention_mma_fwd(Stream& stream, const eqv_attention_params& p, const Tensor& q, const Tensor& k, const Tensor& v,
                       const Tensor& o, const Tensor& lse) {
  if (q.dtype == EQV_BF16) forward<Bf16>(stream, p, q, k, v, o, lse);
  else forward<float>(stream, p, q, k, v, o, lse);
}

void attention_mma_bwd(Stream& stream, const eqv_attention_params& p, const Tensor& d_o, const Tensor& q, const Tensor& k,
                       const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& dq, const Tensor& dk,
                       const Tensor& dv) {
  if (q.dtype == EQV_BF16) backward<Bf16>(stream, p, d_o, q, k, v, o, lse, dq, dk, dv);
  else backward<float>(stream, p, d_o, q, k, v, o, lse, dq, dk, dv);
}

}  // namespace eqv::gpu
