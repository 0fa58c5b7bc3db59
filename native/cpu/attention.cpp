// softmax(scale q k^T) v. Work is cut into blocks of query rows: a block's scores against all keys stay in the cache
// between the two matrix products. Every matrix product runs on the thread that owns the block, so results do not
// depend on the number of threads. Heads are strided views: oneDNN's products take leading dimensions.
#include <cmath>
#include <optional>

#include "attention/weight_dropout.h"
#include "parallel.h"
#include "products.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr int64_t kRows = 64;                          // query rows of a block
constexpr int64_t kPartialFloats = int64_t{16} << 20;  // at most, for partial gradients of k and v
constexpr int64_t kWantedTasks = 16;

EQV_SIMD float row_maximum(const float* x, int64_t n) {
  float most = -__builtin_inff();
#pragma omp simd reduction(max : most)
  for (int64_t i = 0; i < n; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

// x = e^(x - shift), returns the sum
EQV_SIMD double exponentials(float* x, int64_t n, float shift) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    const float e = exp32(x[i] - shift);
    x[i] = e;
    sum += static_cast<double>(e);
  }
  return sum;
}

EQV_SIMD void exponentials_only(float* x, int64_t n, float shift) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) x[i] = exp32(x[i] - shift);
}

EQV_SIMD void scale_row(float* x, int64_t n, float factor) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

EQV_SIMD double dot(const float* a, const float* b, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

// ds = p (dp - delta)
EQV_SIMD void score_gradient(const float* p, float* dp, int64_t n, float delta) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) dp[i] = p[i] * (dp[i] - delta);
}

// Sets a row's dropped weights (or their gradients) to 0 and multiplies the others.
void drop(const WeightDropout& dropout, int64_t row, float* x, int64_t keys) {
  const float factor = static_cast<float>(dropout.factor);
  for (int64_t block = 0; block < dropout.blocks; ++block) {
    const uint32_t kept = dropout.kept(row, block);
    for (int64_t j = 4 * block; j < std::min(keys, 4 * block + 4); ++j) x[j] = kept >> j % 4 & 1 ? factor * x[j] : 0.0f;
  }
}

EQV_SIMD void add_rows(const float* x, int64_t n, float* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] += x[i];
}

// The operands of attention. Rows of q, k and v (and of their gradients) are `pitch` apart, those of o `channels`.
struct Heads {
  int64_t samples, queries, keys, heads, channels, pitch;

  Heads(const eqv_attention_params& p, const Tensor& q, const Tensor& k)
      : samples(q.shape[0]),
        queries(q.shape[1]),
        keys(k.shape[1]),
        heads(p.heads),
        channels(q.shape[2]),
        pitch(channels) {}
  // Of qkv{N,T,3C}.
  Heads(const eqv_self_attention_params& p, const Tensor& qkv)
      : samples(qkv.shape[0]),
        queries(qkv.shape[1]),
        keys(queries),
        heads(p.heads),
        channels(qkv.shape[2] / 3),
        pitch(3 * channels) {}
};

// dropout: of the weights; null for none
void attend(Stream& stream, const char* name, const Heads& shape, float scale, const WeightDropout* dropout,
            const float* q, const float* k, const float* v, float* o, float* lse) {
  const auto [samples, queries, keys, heads, channels, pitch] = shape;
  const int64_t size = channels / heads, blocks = ceil_div(queries, kRows);
  const int64_t threads = stream.device->threads, scores = kRows * keys;
  const int64_t rows_factor = kRows * std::max(keys, size), keys_factor = keys * size;
  Workspace workspace(stream,
                      Workspace::bytes<float>(threads * scores) + StreamProducts::bytes(stream, rows_factor, keys_factor));
  float* buffers = workspace.take<float>(threads * scores);
  StreamProducts product(stream, workspace, rows_factor, keys_factor);
  parallel_for(stream, samples * heads * blocks, 1, [&](int64_t begin, int64_t end, int thread) {
    float* s = buffers + thread * scores;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t block = i % blocks, head = i / blocks % heads, n = i / blocks / heads;
      const int64_t first = block * kRows, rows = std::min(kRows, queries - first);
      const int64_t row_at = (n * queries + first) * pitch + head * size, key_at = n * keys * pitch + head * size;
      float* out = o + (n * queries + first) * channels + head * size;
      product(thread, 'N', 'T', rows, keys, size, scale, q + row_at, pitch, k + key_at, pitch, 0, s, keys);
      float inverse[kRows];
      for (int64_t r = 0; r < rows; ++r) {
        const float most = row_maximum(s + r * keys, keys);
        const double sum = exponentials(s + r * keys, keys, most);
        inverse[r] = static_cast<float>(1 / sum);
        const int64_t row = (n * heads + head) * queries + first + r;
        lse[row] = static_cast<float>(most + std::log(sum));
        if (dropout) drop(*dropout, row, s + r * keys, keys);
      }
      product(thread, 'N', 'N', rows, size, keys, 1, s, keys, v + key_at, pitch, 0, out, channels);
      for (int64_t r = 0; r < rows; ++r) scale_row(out + r * channels, size, inverse[r]);
    }
  });
  product.report(name);
}

// What the backward pass reads, and where it writes.
struct Reads {
  const float *d_o, *q, *k, *v, *o, *lse;
};
struct Gradients {
  float *dq, *dk, *dv;
};

void attend_backward(Stream& stream, const char* name, const Heads& shape, float scale, const WeightDropout* dropout,
                     const Reads& in, const Gradients& to) {
  const auto [samples, queries, keys, heads, channels, pitch] = shape;
  const int64_t size = channels / heads, blocks = ceil_div(queries, kRows);
  const int64_t threads = stream.device->threads, scores = kRows * keys, pairs = samples * heads;
  // A task is a (sample, head) and a part of its query blocks; the parts' dk and dv are added in order afterwards.
  // The number of parts depends on the shape alone.
  const int64_t partial = keys * size;
  const int64_t fitting = kPartialFloats / (2 * partial * pairs);
  const int64_t parts = std::clamp<int64_t>(std::min(ceil_div(kWantedTasks, pairs), fitting), 1, blocks);
  const int64_t rows_factor = kRows * std::max(keys, size), other_factor = std::max(keys, kRows) * size;
  Workspace workspace(stream, Workspace::bytes<float>(threads * 2 * scores) +
                                  (parts > 1 ? 2 * Workspace::bytes<float>(pairs * parts * partial) : 0) +
                                  StreamProducts::bytes(stream, rows_factor, other_factor));
  float* buffers = workspace.take<float>(threads * 2 * scores);
  float* partial_k = parts > 1 ? workspace.take<float>(pairs * parts * partial) : nullptr;
  float* partial_v = parts > 1 ? workspace.take<float>(pairs * parts * partial) : nullptr;
  StreamProducts product(stream, workspace, rows_factor, other_factor);
  parallel_for(stream, pairs * parts, 1, [&](int64_t begin, int64_t end, int thread) {
    float *p = buffers + thread * 2 * scores, *dp = p + scores;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t part = i % parts, head = i / parts % heads, n = i / parts / heads;
      const int64_t key_at = n * keys * pitch + head * size;
      const float *key = in.k + key_at, *value = in.v + key_at;
      float* sum_k = parts > 1 ? partial_k + i * partial : to.dk + key_at;
      float* sum_v = parts > 1 ? partial_v + i * partial : to.dv + key_at;
      const int64_t sum_pitch = parts > 1 ? size : pitch;
      const int64_t first_block = blocks * part / parts, last_block = blocks * (part + 1) / parts;
      for (int64_t b = first_block; b < last_block; ++b) {
        const int64_t first = b * kRows, rows = std::min(kRows, queries - first);
        const int64_t row_at = (n * queries + first) * pitch + head * size;
        const int64_t out_at = (n * queries + first) * channels + head * size;
        const float *query = in.q + row_at, *out = in.o + out_at, *grad = in.d_o + out_at;
        const float accumulate = b > first_block ? 1.0f : 0.0f;
        product(thread, 'N', 'T', rows, keys, size, scale, query, pitch, key, pitch, 0, p, keys);
        product(thread, 'N', 'T', rows, keys, size, 1, grad, channels, value, pitch, 0, dp, keys);
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t row = (n * heads + head) * queries + first + r;
          exponentials_only(p + r * keys, keys, in.lse[row]);
          if (dropout) drop(*dropout, row, dp + r * keys, keys);
          score_gradient(p + r * keys, dp + r * keys, keys,
                         static_cast<float>(dot(grad + r * channels, out + r * channels, size)));
          if (dropout) drop(*dropout, row, p + r * keys, keys);
        }
        product(thread, 'T', 'N', keys, size, rows, 1, p, keys, grad, channels, accumulate, sum_v, sum_pitch);
        product(thread, 'N', 'N', rows, size, keys, scale, dp, keys, key, pitch, 0, to.dq + row_at, pitch);
        product(thread, 'T', 'N', keys, size, rows, scale, dp, keys, query, pitch, accumulate, sum_k, sum_pitch);
      }
    }
  });
  product.report(name);
  if (parts == 1) return;
  parallel_for(stream, pairs * keys, grain(2 * parts * size), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t pair = i / keys, row = i % keys;
      const int64_t at = (pair / heads * keys + row) * pitch + pair % heads * size;
      for (int which = 0; which < 2; ++which) {
        const float* from = (which ? partial_v : partial_k) + pair * parts * partial + row * size;
        float* sum = (which ? to.dv : to.dk) + at;
        std::copy_n(from, size, sum);
        for (int64_t part = 1; part < parts; ++part) add_rows(from + part * partial, size, sum);
      }
    }
  });
}

}  // namespace

void attention_fwd(Stream& stream, const eqv_attention_params& p, const Tensor& q, const Tensor& k, const Tensor& v,
                   const Tensor& o, const Tensor& lse) {
  attend(stream, "attention", Heads(p, q, k), p.scale, nullptr, f32(q), f32(k), f32(v), f32(o), f32(lse));
}

void attention_bwd(Stream& stream, const eqv_attention_params& p, const Tensor& d_o, const Tensor& q, const Tensor& k,
                   const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& dq, const Tensor& dk,
                   const Tensor& dv) {
  attend_backward(stream, "attention_bwd", Heads(p, q, k), p.scale, nullptr,
                  {f32(d_o), f32(q), f32(k), f32(v), f32(o), f32(lse)},
                  {f32(dq), f32(dk), f32(dv)});
}

namespace {

std::optional<WeightDropout> dropout_of(const eqv_self_attention_params& p, const Tensor* counter, int64_t keys) {
  if (p.rate == 0) return std::nullopt;
  WeightDropout dropout(p, keys);
  dropout.count(counter ? static_cast<const double*>(counter->data) : nullptr);
  return dropout;
}

}  // namespace

void self_attention_fwd(Stream& stream, const eqv_self_attention_params& p, const Tensor* counter, const Tensor& qkv,
                        const Tensor& o, const Tensor& lse) {
  const Heads shape(p, qkv);
  const std::optional<WeightDropout> dropout = dropout_of(p, counter, shape.keys);
  const float* q = f32(qkv);
  attend(stream, "self_attention", shape, p.scale, dropout ? &*dropout : nullptr, q, q + shape.channels,
         q + 2 * shape.channels, f32(o), f32(lse));
}

void self_attention_bwd(Stream& stream, const eqv_self_attention_params& p, const Tensor* counter, const Tensor& d_o,
                        const Tensor& qkv, const Tensor& o, const Tensor& lse, const Tensor& dqkv) {
  const Heads shape(p, qkv);
  const std::optional<WeightDropout> dropout = dropout_of(p, counter, shape.keys);
  const float* q = f32(qkv);
  float* dq = f32(dqkv);
  attend_backward(stream, "self_attention_bwd", shape, p.scale, dropout ? &*dropout : nullptr,
                  {f32(d_o), q, q + shape.channels, q + 2 * shape.channels, f32(o), f32(lse)},
                  {dq, dq + shape.channels, dq + 2 * shape.channels});
}

}  // namespace eqv::backend
