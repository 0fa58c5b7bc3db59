// The nearest code of each vector. Vectors and codes are taken in tiles whose products z·e stay in the cache, where a
// pass over them keeps the smallest so far: there is no matrix of all distances.
#include <cmath>
#include <cstring>

#include "parallel.h"
#include "products.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr int64_t kVectors = 256, kCodes = 512;  // of a tile: half a megabyte of products

EQV_SIMD float square_norm(const float* e, int64_t d) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < d; ++i) sum += static_cast<double>(e[i]) * static_cast<double>(e[i]);
  return static_cast<float>(sum);
}

// |e|² − 2 z·e, or −∞ for NaN, which is smaller than any number.
EQV_INLINE float score(float square, float product) {
  const float s = square + product;
  return s == s ? s : -__builtin_inff();
}

EQV_SIMD float smallest_score(const float* squares, const float* products, int64_t n) {
  float least = __builtin_inff();
#pragma omp simd reduction(min : least)
  for (int64_t i = 0; i < n; ++i) {
    const float s = score(squares[i], products[i]);
    least = s < least ? s : least;
  }
  return least;
}

EQV_SIMD int64_t first_with(float least, const float* squares, const float* products, int64_t n) {
  int64_t first = n;
#pragma omp simd reduction(min : first)
  for (int64_t i = 0; i < n; ++i) {
    const int64_t here = score(squares[i], products[i]) == least ? i : n;
    first = here < first ? here : first;
  }
  return first;
}

EQV_SIMD void add(const float* x, int64_t n, float* sum) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) sum[i] += x[i];
}

}  // namespace

void vector_quantize_fwd(Stream& stream, const Tensor& z, const Tensor& codebook, const Tensor& index,
                         const Tensor& zq) {
  const int64_t codes = codebook.shape[0], d = codebook.shape[1], vectors = elements(z) / d;
  const int64_t tile = kVectors * kCodes, threads = stream.device->threads;
  auto* nearest = static_cast<int32_t*>(index.data);
  Workspace workspace(stream, Workspace::bytes<float>(codes) + Workspace::bytes<float>(threads * tile));
  float* squares = workspace.take<float>(codes);
  float* buffers = workspace.take<float>(threads * tile);
  parallel_for(stream, codes, grain(d, Cost::kSum), [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) squares[k] = square_norm(f32(codebook) + k * d, d);
  });
  Products product;
  parallel_for(stream, ceil_div(vectors, kVectors), 1, [&](int64_t begin, int64_t end, int thread) {
    float* products = buffers + thread * tile;
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kVectors, rows = std::min(kVectors, vectors - first);
      float best[kVectors];
      std::fill_n(best, rows, __builtin_inff());
      std::fill_n(nearest + first, rows, 0);
      for (int64_t k = 0; k < codes; k += kCodes) {
        const int64_t n = std::min(kCodes, codes - k);
        product('N', 'T', rows, n, d, -2, f32(z) + first * d, d, f32(codebook) + k * d, d, 0, products, n);
        for (int64_t r = 0; r < rows; ++r) {
          const float least = smallest_score(squares + k, products + r * n, n);
          if (!(least < best[r])) continue;
          best[r] = least;
          nearest[first + r] = static_cast<int32_t>(k + first_with(least, squares + k, products + r * n, n));
        }
      }
      for (int64_t r = first; r < first + rows; ++r)
        std::memcpy(f32(zq) + r * d, f32(codebook) + nearest[r] * d, static_cast<size_t>(d) * sizeof(float));
    }
  });
  product.report("vector_quantize");
}

void vector_quantize_bwd(Stream& stream, const Tensor& dzq, const Tensor& index, const Tensor& dcodebook) {
  const int64_t codes = dcodebook.shape[0], d = dcodebook.shape[1], vectors = elements(index);
  const auto* nearest = static_cast<const int32_t*>(index.data);
  // Each thread owns a range of codes and reads all indices: every sum is in the order of the vectors.
  parallel_for(stream, codes, grain(d, Cost::kSum), [&](int64_t begin, int64_t end) {
    std::memset(f32(dcodebook) + begin * d, 0, static_cast<size_t>((end - begin) * d) * sizeof(float));
    for (int64_t n = 0; n < vectors; ++n)
      if (nearest[n] >= begin && nearest[n] < end) add(f32(dzq) + n * d, d, f32(dcodebook) + nearest[n] * d);
  });
}

}  // namespace eqv::backend
