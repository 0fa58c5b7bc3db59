// softmax(scale·q·kᵀ)·v per head of at most 128 channels, without scores in memory: a block keeps 32 queries and walks
// over the keys, 32 at a time, with the maximum and the sum of each row so far (Milakov and Gimelshein, arXiv 1805.02867;
// Dao et al., arXiv 2205.14135). The backward pass computes the scores twice again: for dq by blocks that keep queries,
// and for dk and dv by blocks that keep keys. So every sum has one owner and a fixed order. Products are fp32. Dropped weights
// are drawn again as well.
#include "attention/weight_dropout.h"
#include "common/values.h"

namespace eqv::backend {

using namespace gpu;

namespace {

constexpr int kRows = 32;    // queries or keys of a tile
constexpr int kAcross = 16;  // threads along a row of a tile; as many along a column
constexpr int kEach = kRows / kAcross;
static_assert(kAcross * kAcross == kThreads);
// Blocks per multiprocessor. Without this bound the compiler aims at more blocks and spills a register.
constexpr int kBlocks = 3;
// The same of key_gradient, which needs the most registers: with dropout and wide heads too many for three blocks.
constexpr int key_blocks(int head, bool drop) { return drop && head > 80 ? 2 : kBlocks; }

// Where the heads are: qkv{sample, token, part, head, channel}, o{sample, token, head, channel}.
struct Heads {
  int64_t tokens, heads;
  int dim;
  float scale;

  Heads(const eqv_self_attention_params& p, const Tensor& qkv)
      : tokens(qkv.shape[1]),
        heads(p.heads),
        dim(static_cast<int>(qkv.shape[2] / 3 / p.heads)),
        scale(p.scale) {}

  int64_t tiles() const { return ceil_div(tokens, kRows); }
  // The place of a token's row, and the step from one to the next: of qkv for part 0, 1, 2, of o for 3.
  __device__ int64_t at(int64_t head, int part, int64_t token) const {
    const int64_t row = head / heads * tokens + token, of_head = head % heads * dim;
    return part == 3 ? row * heads * dim + of_head : (row * 3 + part) * heads * dim + of_head;
  }
};

template <int kHead>
struct Tile {
  float of[kRows][kHead + 1];  // the padding keeps a column's readers off one bank

  // Rows first … first + 31; zeros where there are none, and beyond a head's last channel.
  __device__ void load(const Heads& h, const Values& from, int64_t head, int part, int64_t first) {
#pragma unroll 2
    for (int i = static_cast<int>(threadIdx.x); i < kRows * kHead; i += kThreads) {
      const int row = i / kHead, c = i % kHead;
      of[row][c] = first + row < h.tokens && c < h.dim ? from[h.at(head, part, first + row) + c] : 0.0f;
    }
  }
};

// This thread's places in a tile: rows down and down + 16, columns across, across + 16 …
struct Place {
  int across = static_cast<int>(threadIdx.x) % kAcross, down = static_cast<int>(threadIdx.x) / kAcross;
};

using Square = float[kEach][kEach];

// out = a·bᵀ
template <int kHead>
__device__ void products(const Place& at, const Tile<kHead>& a, const Tile<kHead>& b, Square& out) {
  for (int i = 0; i < kEach; ++i)
    for (int j = 0; j < kEach; ++j) out[i][j] = 0.0f;
#pragma unroll 4
  for (int c = 0; c < kHead; ++c)
    for (int i = 0; i < kEach; ++i)
      for (int j = 0; j < kEach; ++j) out[i][j] += a.of[at.down + i * kAcross][c] * b.of[at.across + j * kAcross][c];
}

struct Scores {
  float of[kRows][kRows + 1];
};

// A thread's rows down, down + 16 of a tile with all channels across, across + 16 …
template <int kHead>
struct Sums {
  float of[kEach][kHead / kAcross] = {};

  // += weight·rows (of_rows) or weightᵀ·rows.
  template <bool kTransposed>
  __device__ void add(const Place& at, const Scores& weight, const Tile<kHead>& rows) {
#pragma unroll 2
    for (int k = 0; k < kRows; ++k)
      for (int i = 0; i < kEach; ++i) {
        const int own = at.down + i * kAcross;
        const float w = kTransposed ? weight.of[k][own] : weight.of[own][k];
        for (int j = 0; j < kHead / kAcross; ++j) of[i][j] += w * rows.of[k][at.across + j * kAcross];
      }
  }
  __device__ void store(const Place& at, const Heads& h, const Values& to, int64_t head, int part, int64_t first,
                        const float (&factor)[kEach]) const {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const int64_t token = first + at.down + i * kAcross;
#pragma unroll
      for (int j = 0; j < kHead / kAcross; ++j) {
        const int c = at.across + j * kAcross;
        if (token < h.tokens && c < h.dim) to.set(h.at(head, part, token) + c, of[i][j] * factor[i]);
      }
    }
  }
};

// Over the 16 threads of a row.
__device__ inline float row_sum(float value) {
  for (int bits = kAcross / 2; bits > 0; bits /= 2) value += __shfl_xor_sync(kAllLanes, value, bits);
  return value;
}
__device__ inline float row_maximum(float value) {
  for (int bits = kAcross / 2; bits > 0; bits /= 2) value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, bits));
  return value;
}

// Which weights of a thread's square are kept: bit kEach·i + j. Four keys of a row share a Philox block: of the 16 threads across
// two rows of 32 keys, each draws one block and passes on which of its four are kept. All sums are of weights that are not yet
// divided by 1 − rate; what is stored is.
__device__ inline uint32_t draw(const Place& at, const Heads& h, const WeightDropout& dropout, int64_t head, int64_t query,
                                int64_t key) {
  constexpr int kBlocksOfRow = kRows / 4;
  static_assert(kEach * kBlocksOfRow == kAcross);
  const int64_t row = head * h.tokens + query + at.down + at.across / kBlocksOfRow * kAcross;
  const uint32_t own = dropout.kept(row, key / 4 + at.across % kBlocksOfRow);
  const int first = static_cast<int>(threadIdx.x) % 32 / kAcross * kAcross;  // this row's first lane
  uint32_t kept = 0;
  for (int i = 0; i < kEach; ++i)
    for (int j = 0; j < kEach; ++j) {
      const int column = at.across + j * kAcross;
      const uint32_t of_block = __shfl_sync(kAllLanes, own, first + i * kBlocksOfRow + column / 4);
      kept |= (of_block >> column % 4 & 1) << (i * kEach + j);
    }
  return kept;
}
__device__ inline bool is_kept(uint32_t kept, int i, int j) { return kept >> (i * kEach + j) & 1; }

template <int kHead>
struct ForwardTiles {
  Tile<kHead> q, k, v;
  Scores p;
};

template <int kHead, bool kDrop>
__global__ void __launch_bounds__(kThreads, kBlocks)
    forward(Heads h, int64_t tiles, WeightDropout dropout, const double* counter, Values qkv, Values o, float* lse) {
  if (kDrop) dropout.count(counter);
  ForwardTiles<kHead>& t = shared_memory<ForwardTiles<kHead>>();
  const Place at;
  const int64_t head = blockIdx.x / tiles, first = blockIdx.x % tiles * kRows;
  t.q.load(h, qkv, head, 0, first);
  Sums<kHead> sums;
  float most[kEach], total[kEach];
  for (int i = 0; i < kEach; ++i) {
    most[i] = -INFINITY;
    total[i] = 0.0f;
  }
  for (int64_t key = 0; key < h.tokens; key += kRows) {
    __syncthreads();
    t.k.load(h, qkv, head, 1, key);
    t.v.load(h, qkv, head, 2, key);
    __syncthreads();
    const uint32_t kept = kDrop ? draw(at, h, dropout, head, first, key) : 0;
    Square s;
    products(at, t.q, t.k, s);
    for (int i = 0; i < kEach; ++i) {
      float top = most[i];
      for (int j = 0; j < kEach; ++j) {
        s[i][j] = key + at.across + j * kAcross < h.tokens ? h.scale * s[i][j] : -INFINITY;
        top = fmaxf(top, s[i][j]);
      }
      top = row_maximum(top);
      const float before = expf(most[i] - top);  // 0 before the first tile
      most[i] = top;
      float sum = 0.0f;
      for (int j = 0; j < kEach; ++j) {
        const float p = expf(s[i][j] - top);
        sum += p;
        t.p.of[at.down + i * kAcross][at.across + j * kAcross] = !kDrop || is_kept(kept, i, j) ? p : 0.0f;
      }
      total[i] = total[i] * before + row_sum(sum);
      for (int j = 0; j < kHead / kAcross; ++j) sums.of[i][j] *= before;
    }
    __syncthreads();
    sums.template add<false>(at, t.p, t.v);
  }
  float inverse[kEach];
  for (int i = 0; i < kEach; ++i) {
    inverse[i] = 1.0f / total[i];
    if (kDrop) inverse[i] *= static_cast<float>(dropout.factor);
    const int64_t token = first + at.down + i * kAcross;
    if (at.across == 0 && token < h.tokens) lse[head * h.tokens + token] = most[i] + logf(total[i]);
  }
  sums.store(at, h, o, head, 3, first, inverse);
}

template <int kHead>
struct BackwardTiles {
  Tile<kHead> q, d_o, k, v;
  Scores p, ds;
};

// Of the tile's scores: the weights p that are kept, and ds.
template <bool kDrop, int kHead>
__device__ void score_gradients(const Place& at, const Heads& h, const WeightDropout& dropout, int64_t head,
                                const BackwardTiles<kHead>& t, int64_t query, int64_t key, const float (&lse)[kEach],
                                const float (&delta)[kEach], Square& p, Square& ds) {
  const uint32_t kept = kDrop ? draw(at, h, dropout, head, query, key) : 0;
  products(at, t.q, t.k, p);
  products(at, t.d_o, t.v, ds);
  for (int i = 0; i < kEach; ++i)
    for (int j = 0; j < kEach; ++j) {
      const bool there = query + at.down + i * kAcross < h.tokens && key + at.across + j * kAcross < h.tokens;
      p[i][j] = there ? expf(h.scale * p[i][j] - lse[i]) : 0.0f;
      const bool is_dropped = kDrop && !is_kept(kept, i, j);
      ds[i][j] = there ? p[i][j] * ((is_dropped ? 0.0f : ds[i][j]) - delta[i]) : 0.0f;
      if (is_dropped) p[i][j] = 0.0f;
    }
}

__device__ inline void put(const Place& at, const Square& from, Scores& to) {
  for (int i = 0; i < kEach; ++i)
    for (int j = 0; j < kEach; ++j) to.of[at.down + i * kAcross][at.across + j * kAcross] = from[i][j];
}

// Also writes delta = Σ do·o of each query, multiplied by 1 − rate.
template <int kHead, bool kDrop>
__global__ void __launch_bounds__(kThreads, kBlocks)
    query_gradient(Heads h, int64_t tiles, WeightDropout dropout, const double* counter, Values d_o, Values qkv, Values o,
                   const float* lse, float* deltas, Values dqkv) {
  if (kDrop) dropout.count(counter);
  BackwardTiles<kHead>& t = shared_memory<BackwardTiles<kHead>>();
  const Place at;
  const int64_t head = blockIdx.x / tiles, first = blockIdx.x % tiles * kRows;
  t.q.load(h, qkv, head, 0, first);
  t.d_o.load(h, d_o, head, 3, first);
  float lses[kEach], delta[kEach], factor[kEach];
  for (int i = 0; i < kEach; ++i) {
    const int64_t token = first + at.down + i * kAcross;
    const bool there = token < h.tokens;
    float sum = 0.0f;
#pragma unroll 1
    for (int c = at.across; there && c < h.dim; c += kAcross) {
      const int64_t place = h.at(head, 3, token) + c;
      sum += d_o[place] * o[place];
    }
    delta[i] = row_sum(sum);
    if (kDrop) delta[i] *= static_cast<float>(dropout.share);
    lses[i] = there ? lse[head * h.tokens + token] : 0.0f;
    factor[i] = kDrop ? h.scale * static_cast<float>(dropout.factor) : h.scale;
    if (there && at.across == 0) deltas[head * h.tokens + token] = delta[i];
  }
  Sums<kHead> dq;
  for (int64_t key = 0; key < h.tokens; key += kRows) {
    __syncthreads();
    t.k.load(h, qkv, head, 1, key);
    t.v.load(h, qkv, head, 2, key);
    __syncthreads();
    Square p, ds;
    score_gradients<kDrop>(at, h, dropout, head, t, first, key, lses, delta, p, ds);
    put(at, ds, t.ds);
    __syncthreads();
    dq.template add<false>(at, t.ds, t.k);
  }
  dq.store(at, h, dqkv, head, 0, first, factor);
}

template <int kHead, bool kDrop>
__global__ void __launch_bounds__(kThreads, key_blocks(kHead, kDrop))
    key_gradient(Heads h, int64_t tiles, WeightDropout dropout, const double* counter, Values d_o, Values qkv, const float* lse,
                 const float* deltas, Values dqkv) {
  if (kDrop) dropout.count(counter);
  BackwardTiles<kHead>& t = shared_memory<BackwardTiles<kHead>>();
  const Place at;
  const int64_t head = blockIdx.x / tiles, first = blockIdx.x % tiles * kRows;
  t.k.load(h, qkv, head, 1, first);
  t.v.load(h, qkv, head, 2, first);
  Sums<kHead> dk, dv;
  for (int64_t query = 0; query < h.tokens; query += kRows) {
    __syncthreads();
    t.q.load(h, qkv, head, 0, query);
    t.d_o.load(h, d_o, head, 3, query);
    float lses[kEach], delta[kEach];
    for (int i = 0; i < kEach; ++i) {
      const int64_t token = query + at.down + i * kAcross;
      lses[i] = token < h.tokens ? lse[head * h.tokens + token] : 0.0f;
      delta[i] = token < h.tokens ? deltas[head * h.tokens + token] : 0.0f;
    }
    __syncthreads();
    Square p, ds;
    score_gradients<kDrop>(at, h, dropout, head, t, query, first, lses, delta, p, ds);
    put(at, p, t.p);
    put(at, ds, t.ds);
    __syncthreads();
    dv.template add<true>(at, t.p, t.d_o);
    dk.template add<true>(at, t.ds, t.q);
  }
  float one[kEach], factor[kEach];
  for (int i = 0; i < kEach; ++i) {
    one[i] = kDrop ? static_cast<float>(dropout.factor) : 1.0f;
    factor[i] = kDrop ? h.scale * static_cast<float>(dropout.factor) : h.scale;
  }
  dk.store(at, h, dqkv, head, 1, first, factor);
  dv.store(at, h, dqkv, head, 2, first, one);
}

// Calls f with two constants: the number of channels that a head of `dim` is padded to, and whether weights are dropped.
template <class Drop, class F>
void with_head(int dim, Drop drop, F f) {
  if (dim <= 32) f(std::integral_constant<int, 32>{}, drop);
  else if (dim <= 64) f(std::integral_constant<int, 64>{}, drop);
  else if (dim <= 80) f(std::integral_constant<int, 80>{}, drop);
  else f(std::integral_constant<int, 128>{}, drop);
}
template <class F>
void with_constants(int dim, double rate, F f) {
  if (rate > 0) with_head(dim, std::true_type{}, f);
  else with_head(dim, std::false_type{}, f);
}

const double* data_of(const Tensor* counter) { return counter ? static_cast<const double*>(counter->data) : nullptr; }

}  // namespace

void self_attention_fwd(Stream& stream, const eqv_self_attention_params& p, const Tensor* counter, const Tensor& qkv,
                        const Tensor& o, const Tensor& lse) {
  const Heads h(p, qkv);
  const dim3 grid(static_cast<unsigned>(qkv.shape[0] * h.heads * h.tiles()));
  const WeightDropout dropout(p, h.tokens);
  with_constants(h.dim, p.rate, [&](auto head, auto drop) {
    launch(stream, "self_attention_fwd", grid, dim3(kThreads), sizeof(ForwardTiles<head>), forward<head, drop>, h,
           h.tiles(), dropout, data_of(counter), values(qkv), values(o), f32(lse));
  });
}

void self_attention_bwd(Stream& stream, const eqv_self_attention_params& p, const Tensor* counter, const Tensor& d_o,
                        const Tensor& qkv, const Tensor& o, const Tensor& lse, const Tensor& dqkv) {
  const Heads h(p, qkv);
  const int64_t rows = qkv.shape[0] * h.heads * h.tokens;
  const dim3 grid(static_cast<unsigned>(qkv.shape[0] * h.heads * h.tiles()));
  Workspace workspace(stream, Workspace::bytes<float>(rows));
  float* deltas = workspace.take<float>(rows);
  const WeightDropout dropout(p, h.tokens);
  with_constants(h.dim, p.rate, [&](auto head, auto drop) {
    launch(stream, "self_attention_bwd_query", grid, dim3(kThreads), sizeof(BackwardTiles<head>), query_gradient<head, drop>,
           h, h.tiles(), dropout, data_of(counter), values(d_o), values(qkv), values(o),
           static_cast<const float*>(f32(lse)), deltas, values(dqkv));
    launch(stream, "self_attention_bwd_key", grid, dim3(kThreads), sizeof(BackwardTiles<head>), key_gradient<head, drop>, h,
           h.tiles(), dropout, data_of(counter), values(d_o), values(qkv), static_cast<const float*>(f32(lse)),
           static_cast<const float*>(deltas), values(dqkv));
  });
}

}  // namespace eqv::backend
