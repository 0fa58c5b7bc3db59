// softmax(scale·q·kᵀ)·v on tensor cores. Scores are fp32, probabilities and their gradients bf16, both in scratch memory
// with rows padded by zeros to a multiple of 8 keys; sums are fp32.
#include "attention/attention_bf16.h"

#include "common/mma_gemm.h"
#include "common/reduce.h"

namespace eqv::gpu {
namespace {

// One of q, k, v, o or their gradients: heads are slices of the channels.
struct Heads {
  Bf16* data;
  int tokens, width, heads, dim;

  __device__ Bf16* of(int batch, int token) const {
    return data + (int64_t{batch / heads} * tokens + token) * width + batch % heads * dim;
  }
};

Heads heads_of(const eqv_attention_params& p, const Tensor& t) {
  const int width = static_cast<int>(t.shape[2]);
  return {static_cast<Bf16*>(t.data), static_cast<int>(t.shape[1]), width, p.heads, width / p.heads};
}

// A head as {token, d}, read along d.
struct AlongHead {
  static constexpr bool kAlongDepth = true;
  Heads heads;
  const Bf16* data;
  explicit AlongHead(const Heads& h) : heads(h), data(h.data) {}

  using Line = const Bf16*;
  using Step = int;
  __device__ Line line(int batch, int token) const { return token < heads.tokens ? heads.of(batch, token) : nullptr; }
  __device__ Step step(int d) const { return d; }
  __device__ const Bf16* at(Line l, Step s) const { return l ? l + s : nullptr; }
};

// A head as {d, token}: 8 neighbouring d of one token.
struct AcrossHead {
  static constexpr bool kAlongDepth = false;
  Heads heads;
  const Bf16* data;
  explicit AcrossHead(const Heads& h) : heads(h), data(h.data) {}

  using Line = const Bf16*;
  using Step = int64_t;
  __device__ Line line(int batch, int d) const { return heads.of(batch, 0) + d; }
  __device__ Step step(int token) const { return int64_t{token} * heads.width; }
  __device__ const Bf16* at(Line l, Step s) const { return l + s; }
};

// Probabilities or their gradients, {batch, token, key} with padded rows.
struct Scores {
  Bf16* data;
  int tokens, wide;
};

struct AlongKeys {
  static constexpr bool kAlongDepth = true;
  Scores scores;
  const Bf16* data;
  explicit AlongKeys(const Scores& s) : scores(s), data(s.data) {}

  using Line = const Bf16*;
  using Step = int;
  __device__ Line line(int batch, int token) const {
    return scores.data + (int64_t{batch} * scores.tokens + token) * scores.wide;
  }
  __device__ Step step(int key) const { return key; }
  __device__ const Bf16* at(Line l, Step s) const { return l + s; }
};

struct AcrossKeys {
  static constexpr bool kAlongDepth = false;
  Scores scores;
  const Bf16* data;
  explicit AcrossKeys(const Scores& s) : scores(s), data(s.data) {}

  using Line = const Bf16*;
  using Step = int64_t;
  __device__ Line line(int batch, int key) const { return scores.data + int64_t{batch} * scores.tokens * scores.wide + key; }
  __device__ Step step(int token) const { return int64_t{token} * scores.wide; }
  __device__ const Bf16* at(Line l, Step s) const { return l + s; }
};

// Results {token, d} of a head.
struct ToHead {
  Heads heads;
  __device__ void operator()(int batch, int, int token, int d, float first, float second) const {
    store_pair(heads.of(batch, token) + d, first, second);  // dim is even: the second is inside
  }
};

// A block per row: probabilities of fp32 scores, log Σ exp to lse.
__global__ void __launch_bounds__(kThreads)
    softmax_to_bf16(int keys, int wide, const float* scores, Bf16* probabilities, float* lse) {
  BlockScratch& scratch = shared_memory<BlockScratch>();
  const float* row = scores + int64_t{blockIdx.x} * wide;
  Bf16* out = probabilities + int64_t{blockIdx.x} * wide;
  double most = -INFINITY;
  for (int i = static_cast<int>(threadIdx.x); i < keys; i += kThreads) most = MaximumOf::join(most, row[i]);
  most = block_join<MaximumOf>(most, scratch);
  const float top = static_cast<float>(most);
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < keys; i += kThreads) sum += expf(row[i] - top);
  sum = block_join(sum, scratch);
  const float share = static_cast<float>(1 / sum);
  for (int i = static_cast<int>(threadIdx.x); i < wide; i += kThreads)
    out[i] = dtype::narrow<Bf16>(i < keys ? expf(row[i] - top) * share : 0.0f);
  if (threadIdx.x == 0) lse[blockIdx.x] = static_cast<float>(most + log(sum));
}

int padded(int keys) { return (keys + kVector - 1) / kVector * kVector; }

}  // namespace

bool attention_fits_tensor_cores(const eqv_attention_params& p, std::initializer_list<const Tensor*> read) {
  for (const Tensor* t : read)
    if (t->dtype != EQV_BF16 || t->shape[2] / p.heads % kVector || reinterpret_cast<uintptr_t>(t->data) % 16) return false;
  return true;
}

void attention_bf16_fwd(Stream& stream, const eqv_attention_params& p, const Tensor& q_tensor, const Tensor& k_tensor,
                        const Tensor& v_tensor, const Tensor& o_tensor, const Tensor& lse_tensor) {
  const Heads q = heads_of(p, q_tensor), k = heads_of(p, k_tensor), v = heads_of(p, v_tensor), o = heads_of(p, o_tensor);
  const int batch = static_cast<int>(q_tensor.shape[0]) * p.heads, wide = padded(k.tokens);
  const int64_t count = int64_t{batch} * q.tokens * wide;
  Workspace workspace(stream, Workspace::bytes<float>(count) + Workspace::bytes<Bf16>(count));
  float* scores = workspace.take<float>(count);
  const Scores probabilities{workspace.take<Bf16>(count), q.tokens, wide};
  const float scale = p.scale;
  const int tokens = q.tokens;
  mma_gemm(stream, "attention_fwd", {tokens, wide, q.dim, batch}, AlongHead(q), AlongHead(k),
           EQV_LAMBDA(int b, int, int t, int j, float first, float second) {
             float* at = scores + (int64_t{b} * tokens + t) * wide + j;
             at[0] = scale * first;
             at[1] = scale * second;
           });
  launch(stream, "attention_fwd", dim3(static_cast<unsigned>(batch * tokens)), dim3(kThreads), sizeof(BlockScratch),
         softmax_to_bf16, k.tokens, wide, static_cast<const float*>(scores), probabilities.data, f32(lse_tensor));
  mma_gemm(stream, "attention_fwd", {tokens, v.dim, k.tokens, batch}, AlongKeys(probabilities), AcrossHead(v), ToHead{o});
}

void attention_bf16_bwd(Stream& stream, const eqv_attention_params& p, const Tensor& do_tensor, const Tensor& q_tensor,
                        const Tensor& k_tensor, const Tensor& v_tensor, const Tensor& o_tensor,
                        const Tensor& lse_tensor, const Tensor& dq_tensor, const Tensor& dk_tensor,
                        const Tensor& dv_tensor) {
  const Heads q = heads_of(p, q_tensor), k = heads_of(p, k_tensor), v = heads_of(p, v_tensor), o = heads_of(p, o_tensor);
  const Heads d_o = heads_of(p, do_tensor), dq = heads_of(p, dq_tensor), dk = heads_of(p, dk_tensor);
  const Heads dv = heads_of(p, dv_tensor);
  const int batch = static_cast<int>(q_tensor.shape[0]) * p.heads, wide = padded(k.tokens);
  const int tokens = q.tokens, keys = k.tokens;
  const int64_t rows = int64_t{batch} * tokens, count = rows * wide;
  Workspace workspace(stream, 2 * Workspace::bytes<Bf16>(count) + Workspace::bytes<float>(rows));
  const Scores probabilities{workspace.take<Bf16>(count), tokens, wide}, dscores{workspace.take<Bf16>(count), tokens, wide};
  float* delta = workspace.take<float>(rows);  // Σ do·o of a row
  const float *lse = f32(lse_tensor), scale = p.scale;
  for_each(stream, "attention_bwd", rows, EQV_LAMBDA(int64_t row) {
    const int b = static_cast<int>(row / tokens), t = static_cast<int>(row % tokens);
    const Bf16 *gradient = d_o.of(b, t), *output = o.of(b, t);
    float sum = 0;
    for (int d = 0; d < o.dim; ++d) sum += dtype::widen(gradient[d]) * dtype::widen(output[d]);
    delta[row] = sum;
  });
  mma_gemm(stream, "attention_bwd", {tokens, wide, q.dim, batch}, AlongHead(q), AlongHead(k),
           EQV_LAMBDA(int b, int, int t, int j, float first, float second) {
             const int64_t row = int64_t{b} * tokens + t;
             Bf16* at = probabilities.data + row * wide + j;
             at[0] = dtype::narrow<Bf16>(j < keys ? expf(scale * first - lse[row]) : 0.0f);
             at[1] = dtype::narrow<Bf16>(j + 1 < keys ? expf(scale * second - lse[row]) : 0.0f);
           });
  mma_gemm(stream, "attention_bwd", {tokens, wide, v.dim, batch}, AlongHead(d_o), AlongHead(v),
           EQV_LAMBDA(int b, int, int t, int j, float first, float second) {
             const int64_t row = int64_t{b} * tokens + t, at = row * wide + j;
             const Bf16* probability = probabilities.data + at;
             dscores.data[at] = dtype::narrow<Bf16>(scale * dtype::widen(probability[0]) * (first - delta[row]));
             dscores.data[at + 1] = dtype::narrow<Bf16>(scale * dtype::widen(probability[1]) * (second - delta[row]));
           });
  mma_gemm(stream, "attention_bwd", {tokens, q.dim, keys, batch}, AlongKeys(dscores), AcrossHead(k), ToHead{dq});
  mma_gemm(stream, "attention_bwd", {keys, k.dim, tokens, batch}, AcrossKeys(dscores), AcrossHead(q), ToHead{dk});
  mma_gemm(stream, "attention_bwd", {keys, v.dim, tokens, batch}, AcrossKeys(probabilities), AcrossHead(d_o), ToHead{dv});
}

}  // namespace eqv::gpu
