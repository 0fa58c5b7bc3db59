// The weight gradient of a linear layer, dw = dyᵀ x: one long sum over all rows for each weight. It is cut into tiles of dw
// and pieces of the rows by size alone, each a product on one thread, and pieces are added in order. So the result does
// not depend on the number of threads. (Libraries cut such sums by it.) Without AVX-512 a product reads copies: the rows of
// a wide layer fall into the same sets of the cache, and oneDNN's AVX2 kernels then have half their speed.
#include "onednn.h"
#include "parallel.h"
#include "partial_sums.h"
#include "products.h"

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr int64_t kTile = 768;        // a tile's side, at most: a product then reads few numbers for each sum
constexpr int64_t kSmallTile = 384;   // the same in bf16, where adding pieces takes longer than reading more numbers
constexpr int64_t kRows = 512;        // of a product, at most
constexpr int64_t kPadding = 16;      // floats between the rows of a copy
constexpr int64_t kWantedTasks = 16;  // enough for as many threads
constexpr int64_t kFewestRows = 256;  // of a piece, so that adding pieces costs little beside them

// [0, n) in blocks of equal size, multiples of 16 but for the last one.
struct Blocks {
  int64_t n, size, count;

  Blocks(int64_t total, int64_t most) : n(total) {
    size = ceil_div(ceil_div(n, ceil_div(n, most)), 16) * 16;
    count = ceil_div(n, size);
  }
  int64_t first(int64_t block) const { return block * size; }
  int64_t length(int64_t block) const { return std::min(size, n - first(block)); }
};

void copy_rows(const float* from, int64_t pitch, int64_t rows, int64_t n, float* to) {
  for (int64_t r = 0; r < rows; ++r) std::copy_n(from + r * pitch, n, to + r * (n + kPadding));
}

int64_t pieces_of(int64_t rows, int64_t tiles) {
  return std::clamp<int64_t>(ceil_div(kWantedTasks, tiles), 1, std::max<int64_t>(rows / kFewestRows, 1));
}

template <class T>
void round_rows(Stream& stream, const Tensor& x, int64_t columns, T* to) {
  parallel_for(stream, elements(x) / columns, grain(columns), [&](int64_t begin, int64_t end) {
    round_to_bf16(f32(x) + begin * columns, columns, end - begin, columns, to + begin * columns, columns);
  });
}

// With factors rounded to bf16, as T: each number is rounded once.
template <class T>
void with_rounded_factors(Stream& stream, const Tensor& x, const Tensor& dy, const Tensor& dw) {
  const int64_t in = dw.shape[1], out = dw.shape[0], rows = elements(x) / in;
  const Blocks outs(out, kSmallTile), ins(in, kSmallTile);
  const int64_t tiles = outs.count * ins.count, pieces = pieces_of(rows, tiles);
  Workspace workspace(stream, Workspace::bytes<T>(rows * in) + Workspace::bytes<T>(rows * out) +
                                  (pieces > 1 ? Workspace::bytes<float>(pieces * out * in) : 0));
  T *xs = workspace.take<T>(rows * in), *ys = workspace.take<T>(rows * out);
  float* sums = pieces > 1 ? workspace.take<float>(pieces * out * in) : f32(dw);
  round_rows(stream, x, in, xs);
  round_rows(stream, dy, out, ys);
  Products product;
  parallel_for(stream, tiles * pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t piece = i / tiles, o = i % tiles / ins.count, c = i % ins.count;
      const int64_t first = rows * piece / pieces, last = rows * (piece + 1) / pieces;
      product('T', 'N', outs.length(o), ins.length(c), last - first, 1, ys + first * out + outs.first(o), out,
              xs + first * in + ins.first(c), in, 0, sums + (piece * out + outs.first(o)) * in + ins.first(c), in);
    }
  });
  product.report("linear_bwd_weight");
  if (pieces > 1) add_pieces(stream, sums, pieces, elements(dw), f32(dw));
}

}  // namespace

void linear_bwd_weight(Stream& stream, const Tensor& x, const Tensor& dy, const Tensor& dw, const Tensor* dbias) {
  const int64_t in = dw.shape[1], out = dw.shape[0], rows = elements(x) / in;
  if (dbias) bias_bwd(stream, dy, *dbias);
  if (stream.bf16) {
    if (multiplies_bf16()) with_rounded_factors<uint16_t>(stream, x, dy, dw);
    else with_rounded_factors<float>(stream, x, dy, dw);
    return;
  }
  const Blocks outs(out, kTile), ins(in, kTile);
  const int64_t tiles = outs.count * ins.count, pieces = pieces_of(rows, tiles);
  static const bool copying = dnnl::get_effective_cpu_isa() < dnnl::cpu_isa::avx512_core;
  const int64_t copied = copying ? std::min(kRows, rows) : 0;
  const int64_t y_copy = copied * (outs.size + kPadding), copies = y_copy + copied * (ins.size + kPadding);
  const int64_t threads = stream.device->threads;
  Workspace workspace(stream, Workspace::bytes<float>(threads * copies) +
                                  (pieces > 1 ? Workspace::bytes<float>(pieces * out * in) : 0));
  float* buffers = workspace.take<float>(threads * copies);
  float* sums = pieces > 1 ? workspace.take<float>(pieces * out * in) : f32(dw);
  Products product;
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
          product('T', 'N', m, n, count, 1, ys, m + kPadding, xs, n + kPadding, beta, sum, in);
        } else {
          product('T', 'N', m, n, count, 1, a, out, b, in, beta, sum, in);
        }
      }
    }
  });
  product.report("linear_bwd_weight");
  if (pieces > 1) add_pieces(stream, sums, pieces, elements(dw), f32(dw));
}

}  // namespace eqv::backend
