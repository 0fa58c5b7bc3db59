// The weight gradient of a linear layer, dw = dyᵀ x: one long sum over all rows for each weight. It is cut into tiles of dw
// and pieces of the rows by size alone, each a product on one thread, and pieces are added in order. So the result does
// not depend on the number of threads. (Libraries cut such sums by it.) Without AVX-512 a product reads copies: the rows of
// a wide layer fall into the same sets of the cache, and oneDNN's AVX2 kernels then have half their speed.
#include "onednn.h"
#include "parallel.h"
#include "products.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr int64_t kTile = 768;        // a tile's side, at most: a product then reads few numbers for each sum
constexpr int64_t kRows = 512;        // of a product, at most
constexpr int64_t kPadding = 16;      // floats between the rows of a copy
constexpr int64_t kWantedTasks = 16;  // enough for as many threads
constexpr int64_t kFewestRows = 256;  // of a piece, so that adding pieces costs little beside them

// [0, n) in blocks of equal size, multiples of 16 but for the last one.
struct Blocks {
  int64_t n, size, count;

  explicit Blocks(int64_t total) : n(total) {
    size = ceil_div(ceil_div(n, ceil_div(n, kTile)), 16) * 16;
    count = ceil_div(n, size);
  }
  int64_t first(int64_t block) const { return block * size; }
  int64_t length(int64_t block) const { return std::min(size, n - first(block)); }
};

void copy_rows(const float* from, int64_t pitch, int64_t rows, int64_t n, float* to) {
  for (int64_t r = 0; r < rows; ++r) std::copy_n(from + r * pitch, n, to + r * (n + kPadding));
}

EQV_SIMD void add_pieces(const float* pieces, int64_t count, int64_t pitch, int64_t n, float* out) {
  std::copy_n(pieces, n, out);
  for (int64_t piece = 1; piece < count; ++piece) {
    const float* from = pieces + piece * pitch;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] += from[i];
  }
}

}  // namespace

void linear_bwd_weight(Stream& stream, const Tensor& x, const Tensor& dy, const Tensor& dw, const Tensor* dbias) {
  const int64_t in = dw.shape[1], out = dw.shape[0], rows = elements(x) / in;
  if (dbias) bias_bwd(stream, dy, *dbias);
  const Blocks outs(out), ins(in);
  const int64_t tiles = outs.count * ins.count;
  const int64_t pieces = std::clamp<int64_t>(ceil_div(kWantedTasks, tiles), 1, std::max<int64_t>(rows / kFewestRows, 1));
  static const bool slow_rows = dnnl::get_effective_cpu_isa() < dnnl::cpu_isa::avx512_core;
  const bool copying = slow_rows && !stream.bf16;  // rounded factors are copies
  const int64_t multiplied = std::min(kRows, rows), copied = copying ? multiplied : 0;
  const int64_t y_copy = copied * (outs.size + kPadding), copies = y_copy + copied * (ins.size + kPadding);
  const int64_t threads = stream.device->threads;
  const int64_t y_factor = multiplied * outs.size, x_factor = multiplied * ins.size;
  Workspace workspace(stream, Workspace::bytes<float>(threads * copies) +
                                  (pieces > 1 ? Workspace::bytes<float>(pieces * out * in) : 0) +
                                  StreamProducts::bytes(stream, y_factor, x_factor));
  float* buffers = workspace.take<float>(threads * copies);
  float* sums = pieces > 1 ? workspace.take<float>(pieces * out * in) : f32(dw);
  StreamProducts product(stream, workspace, y_factor, x_factor);
  parallel_for(stream, tiles * pieces, 1, [&](int64_t begin, int64_t end, int thread) {
    float *ys = buffers + thread * copies, *xs = ys + y_copy;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t piece = i / tiles, o = i % tiles / ins.count, c = i % ins.count;
      const int64_t m = outs.length(o), n = ins.length(c);
      const int64_t first = rows * piece / pieces, last = rows * (piece + 1) / pieces;
      float* sum = sums + (piece * out + outs.first(o)) * in + ins.first(c);
      for (int64_t row = first; row < last; row += kRows) {
        const int64_t count = std::min(kRows, last - row);
        const float *a = f32(dy) + row * out + outs.first(o), *b = f32(x) + row * in + ins.first(c);
        const float beta = row > first ? 1.0f : 0.0f;
        if (copying) {
          copy_rows(a, out, count, m, ys);
          copy_rows(b, in, count, n, xs);
          product(thread, 'T', 'N', m, n, count, 1, ys, m + kPadding, xs, n + kPadding, beta, sum, in);
        } else {
          product(thread, 'T', 'N', m, n, count, 1, a, out, b, in, beta, sum, in);
        }
      }
    }
  });
  product.report("linear_bwd_weight");
  if (pieces == 1) return;
  parallel_for(stream, out * in, grain(pieces), [&](int64_t begin, int64_t end) {
    add_pieces(sums + begin, pieces, out * in, end - begin, f32(dw) + begin);
  });
}

}  // namespace eqv::backend
