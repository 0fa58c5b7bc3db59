// softmax(scale·q·kᵀ)·v; in bf16 and TF32 where tensor cores fit (attention_mma.h), otherwise in fp32: the scores of all heads in
// scratch memory, two matrix products forward and five backward.
#include "attention/attention_mma.h"
#include "attention/row_exponentials.h"
#include "common/gemm.h"
#include "common/reduce.h"
#include "common/values.h"

namespace eqv::backend {

using namespace gpu;

namespace {

// Where element (token, d) of a head is: heads are slices of the channels.
struct Heads {
  int64_t heads, dim, tokens, keys, width;

  __device__ int64_t of_query(int64_t batch, int64_t token, int64_t d) const {
    return (batch / heads * tokens + token) * width + batch % heads * dim + d;
  }
  __device__ int64_t of_key(int64_t batch, int64_t key, int64_t d) const {
    return (batch / heads * keys + key) * width + batch % heads * dim + d;
  }
};

Heads heads_of(const eqv_attention_params& p, const Tensor& q, const Tensor& k) {
  return {p.heads, q.shape[2] / p.heads, q.shape[1], k.shape[1], q.shape[2]};
}

// Factors of the products: a head as {token, d}, and its transpose; scores (or other values per token and key) as
// {token, key}, and their transpose.
struct Queries {
  Heads h;
  Values x;
  __device__ float operator()(int64_t batch, int64_t token, int64_t d) const { return x[h.of_query(batch, token, d)]; }
};
struct Keys {
  Heads h;
  Values x;
  __device__ float operator()(int64_t batch, int64_t key, int64_t d) const { return x[h.of_key(batch, key, d)]; }
};
struct KeysTransposed {
  Keys keys;
  __device__ float operator()(int64_t batch, int64_t d, int64_t key) const { return keys(batch, key, d); }
};
struct Scores {
  Heads h;
  const float* data;
  __device__ float operator()(int64_t batch, int64_t token, int64_t key) const {
    return data[(batch * h.tokens + token) * h.keys + key];
  }
};
struct ScoresTransposed {
  Scores scores;
  __device__ float operator()(int64_t batch, int64_t key, int64_t token) const { return scores(batch, token, key); }
};

// Results of products: {token, d} and {key, d} of a head.
struct ToQueries {
  Heads h;
  Values y;
  __device__ void operator()(int64_t batch, int64_t token, int64_t d, float sum) const { y.set(h.of_query(batch, token, d), sum); }
};
struct ToKeys {
  Heads h;
  Values y;
  __device__ void operator()(int64_t batch, int64_t key, int64_t d, float sum) const { y.set(h.of_key(batch, key, d), sum); }
};

// A block per row: scores to probabilities, log Σ exp to lse.
__global__ void __launch_bounds__(kThreads) softmax(int64_t keys, float* scores, float* lse) {
  float* row = scores + blockIdx.x * keys;
  const RowExponentials e = row_exponentials(row, keys);
  for (int64_t i = threadIdx.x; i < keys; i += kThreads) row[i] = static_cast<float>(expf(row[i] - e.top) / e.sum);
  if (threadIdx.x == 0) lse[blockIdx.x] = static_cast<float>(e.most + log(e.sum));
}

}  // namespace

void attention_fwd(Stream& stream, const eqv_attention_params& p, const Tensor& q_tensor, const Tensor& k_tensor,
                   const Tensor& v_tensor, const Tensor& o_tensor, const Tensor& lse_tensor) {
  if (attention_fits_tensor_cores(stream, p, {&q_tensor, &k_tensor, &v_tensor}))
    return attention_mma_fwd(stream, p, q_tensor, k_tensor, v_tensor, o_tensor, lse_tensor);
  const Heads h = heads_of(p, q_tensor, k_tensor);
  const int64_t batch = q_tensor.shape[0] * h.heads;
  const Values q = values(q_tensor), k = values(k_tensor), v = values(v_tensor), o = values(o_tensor);
  const float scale = p.scale;
  float* lse = f32(lse_tensor);
  Workspace workspace(stream, Workspace::bytes<float>(batch * h.tokens * h.keys));
  float* scores = workspace.take<float>(batch * h.tokens * h.keys);
  gemm(
      stream, "attention_fwd", {h.tokens, h.keys, h.dim, batch}, Queries{h, q}, KeysTransposed{{h, k}},
      EQV_LAMBDA(int64_t b, int64_t t, int64_t j, float sum) { scores[(b * h.tokens + t) * h.keys + j] = scale * sum; });
  launch(stream, "attention_fwd", dim3(static_cast<unsigned>(batch * h.tokens)), dim3(kThreads), sizeof(BlockScratch),
         softmax, h.keys, scores, lse);
  gemm(stream, "attention_fwd", {h.tokens, h.dim, h.keys, batch}, Scores{h, scores}, Keys{h, v}, ToQueries{h, o});
}

void attention_bwd(Stream& stream, const eqv_attention_params& p, const Tensor& do_tensor, const Tensor& q_tensor,
                   const Tensor& k_tensor, const Tensor& v_tensor, const Tensor& o_tensor, const Tensor& lse_tensor,
                   const Tensor& dq_tensor, const Tensor& dk_tensor, const Tensor& dv_tensor) {
  if (attention_fits_tensor_cores(stream, p, {&q_tensor, &k_tensor, &v_tensor, &do_tensor}))
    return attention_mma_bwd(stream, p, do_tensor, q_tensor, k_tensor, v_tensor, o_tensor, lse_tensor, dq_tensor,
                              dk_tensor, dv_tensor);
  const Heads h = heads_of(p, q_tensor, k_tensor);
  const int64_t batch = q_tensor.shape[0] * h.heads, rows = batch * h.tokens;
  const Values d_o = values(do_tensor), q = values(q_tensor), k = values(k_tensor), v = values(v_tensor);
  const Values o = values(o_tensor), dq = values(dq_tensor), dk = values(dk_tensor), dv = values(dv_tensor);
  const float *lse = f32(lse_tensor), scale = p.scale;
  Workspace workspace(stream, 2 * Workspace::bytes<float>(rows * h.keys) + Workspace::bytes<float>(rows));
  float* probability = workspace.take<float>(rows * h.keys);
  float* dscore = workspace.take<float>(rows * h.keys);
  float* delta = workspace.take<float>(rows);  // Σ do·o of a row
  reduce_rows(
      stream, "attention_bwd", rows, h.dim,
      EQV_LAMBDA(int64_t row, int64_t d) -> double {
        const int64_t at = h.of_query(row / h.tokens, row % h.tokens, d);
        return static_cast<double>(d_o[at]) * static_cast<double>(o[at]);
      },
      EQV_LAMBDA(int64_t row, double sum) { delta[row] = static_cast<float>(sum); });
  gemm(
      stream, "attention_bwd", {h.tokens, h.keys, h.dim, batch}, Queries{h, q}, KeysTransposed{{h, k}},
      EQV_LAMBDA(int64_t b, int64_t t, int64_t j, float sum) {
        const int64_t row = b * h.tokens + t;
        probability[row * h.keys + j] = expf(scale * sum - lse[row]);
      });
  gemm(
      stream, "attention_bwd", {h.tokens, h.keys, h.dim, batch}, Queries{h, d_o}, KeysTransposed{{h, v}},
      EQV_LAMBDA(int64_t b, int64_t t, int64_t j, float sum) {
        const int64_t row = b * h.tokens + t, at = row * h.keys + j;
        dscore[at] = scale * probability[at] * (sum - delta[row]);
      });
  gemm(stream, "attention_bwd", {h.tokens, h.dim, h.keys, batch}, Scores{h, dscore}, Keys{h, k}, ToQueries{h, dq});
  gemm(stream, "attention_bwd", {h.keys, h.dim, h.tokens, batch}, ScoresTransposed{{h, dscore}}, Queries{h, q}, ToKeys{h, dk});
  gemm(stream, "attention_bwd", {h.keys, h.dim, h.tokens, batch}, ScoresTransposed{{h, probability}}, Queries{h, d_o}, ToKeys{h, dv});
}

}  // namespace eqv::backend
