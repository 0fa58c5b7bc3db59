// softmax(scale q k^T) v. Work is cut into blocks of query rows: a block's scores against all keys stay in the cache
// between the two matrix products. Every matrix product runs on the thread that owns the block, so results do not
// depend on the number of threads. Heads are strided views: oneDNN's sgemm takes leading dimensions.
#include <cmath>

#include "parallel.h"
#include "products.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr int64_t kRows = 64;                          // query rows of a block
constexpr int64_t kPartialFloats = int64_t{16} << 20;  // at most for partial gradients of k and v
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

EQV_SIMD void add_rows(const float* x, int64_t n, float* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] += x[i];
}

}  // namespace

void attention_fwd(Stream& stream, const eqv_attention_params& params, const Tensor& q, const Tensor& k,
                   const Tensor& v, const Tensor& o, const Tensor& lse) {
  const int64_t samples = q.shape[0], queries = q.shape[1], keys = k.shape[1], channels = q.shape[2];
  const int64_t heads = params.heads, size = channels / heads, blocks = ceil_div(queries, kRows);
  const int64_t threads = stream.device->threads, scores = kRows * keys;
  Workspace workspace(stream, Workspace::bytes<float>(threads * scores));
  float* buffers = workspace.take<float>(threads * scores);
  Products product;
  parallel_for(stream, samples * heads * blocks, 1, [&](int64_t begin, int64_t end, int thread) {
    float* s = buffers + thread * scores;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t block = i % blocks, head = i / blocks % heads, n = i / blocks / heads;
      const int64_t first = block * kRows, rows = std::min(kRows, queries - first);
      const int64_t row_at = (n * queries + first) * channels + head * size, key_at = n * keys * channels + head * size;
      float* out = f32(o) + row_at;
      product('N', 'T', rows, keys, size, params.scale, f32(q) + row_at, channels, f32(k) + key_at, channels, 0, s,
              keys);
      float inverse[kRows];
      for (int64_t r = 0; r < rows; ++r) {
        const float most = row_maximum(s + r * keys, keys);
        const double sum = exponentials(s + r * keys, keys, most);
        inverse[r] = static_cast<float>(1 / sum);
        f32(lse)[(n * heads + head) * queries + first + r] = static_cast<float>(most + std::log(sum));
      }
      product('N', 'N', rows, size, keys, 1, s, keys, f32(v) + key_at, channels, 0, out, channels);
      for (int64_t r = 0; r < rows; ++r) scale_row(out + r * channels, size, inverse[r]);
    }
  });
  product.report("attention");
}

void attention_bwd(Stream& stream, const eqv_attention_params& params, const Tensor& d_o, const Tensor& q,
                   const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& dq,
                   const Tensor& dk, const Tensor& dv) {
  const int64_t samples = q.shape[0], queries = q.shape[1], keys = k.shape[1], channels = q.shape[2];
  const int64_t heads = params.heads, size = channels / heads, blocks = ceil_div(queries, kRows);
  const int64_t threads = stream.device->threads, scores = kRows * keys, pairs = samples * heads;
  // A task is a (sample, head) and a part of its query blocks; the parts' dk and dv are added in order afterwards.
  // How many parts there are follows from the shape alone.
  const int64_t partial = keys * size;
  const int64_t fitting = kPartialFloats / (2 * partial * pairs);
  const int64_t parts = std::clamp<int64_t>(std::min(ceil_div(kWantedTasks, pairs), fitting), 1, blocks);
  Workspace workspace(stream, Workspace::bytes<float>(threads * 2 * scores) +
                                  (parts > 1 ? 2 * Workspace::bytes<float>(pairs * parts * partial) : 0));
  float* buffers = workspace.take<float>(threads * 2 * scores);
  float* partial_k = parts > 1 ? workspace.take<float>(pairs * parts * partial) : nullptr;
  float* partial_v = parts > 1 ? workspace.take<float>(pairs * parts * partial) : nullptr;
  Products product;
  parallel_for(stream, pairs * parts, 1, [&](int64_t begin, int64_t end, int thread) {
    float *p = buffers + thread * 2 * scores, *dp = p + scores;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t part = i % parts, head = i / parts % heads, n = i / parts / heads;
      const int64_t key_at = n * keys * channels + head * size;
      float* sum_k = parts > 1 ? partial_k + i * partial : f32(dk) + key_at;
      float* sum_v = parts > 1 ? partial_v + i * partial : f32(dv) + key_at;
      const int64_t pitch = parts > 1 ? size : channels;
      const int64_t first_block = blocks * part / parts, last_block = blocks * (part + 1) / parts;
      for (int64_t b = first_block; b < last_block; ++b) {
        const int64_t first = b * kRows, rows = std::min(kRows, queries - first);
        const int64_t row_at = (n * queries + first) * channels + head * size;
        const float *query = f32(q) + row_at, *out = f32(o) + row_at, *grad = f32(d_o) + row_at;
        const float accumulate = b > first_block ? 1.0f : 0.0f;
        product('N', 'T', rows, keys, size, params.scale, query, channels, f32(k) + key_at, channels, 0, p, keys);
        product('N', 'T', rows, keys, size, 1, grad, channels, f32(v) + key_at, channels, 0, dp, keys);
        for (int64_t r = 0; r < rows; ++r)
          exponentials_only(p + r * keys, keys, f32(lse)[(n * heads + head) * queries + first + r]);
        product('T', 'N', keys, size, rows, 1, p, keys, grad, channels, accumulate, sum_v, pitch);
        for (int64_t r = 0; r < rows; ++r)
          score_gradient(p + r * keys, dp + r * keys, keys,
                         static_cast<float>(dot(grad + r * channels, out + r * channels, size)));
        product('N', 'N', rows, size, keys, params.scale, dp, keys, f32(k) + key_at, channels, 0, f32(dq) + row_at,
                channels);
        product('T', 'N', keys, size, rows, params.scale, dp, keys, query, channels, accumulate, sum_k, pitch);
      }
    }
  });
  product.report("attention_bwd");
  if (parts == 1) return;
  parallel_for(stream, pairs * keys, std::max<int64_t>(1, 16384 / (2 * parts * size)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t pair = i / keys, row = i % keys;
      const int64_t at = (pair / heads * keys + row) * channels + pair % heads * size;
      for (int which = 0; which < 2; ++which) {
        const float* from = (which ? partial_v : partial_k) + pair * parts * partial + row * size;
        float* to = f32(which ? dv : dk) + at;
        std::copy_n(from, size, to);
        for (int64_t part = 1; part < parts; ++part) add_rows(from + part * partial, size, to);
      }
    }
  });
}

}  // namespace eqv::backend
