// The weight gradient of a linear layer, dw = dyᵀ x: one long sum over all rows for each weight. It is cut into tiles of dw
// and pieces of the rows by size alone, each a product on one thread, and pieces are added in order. So the result does
// not depend on the number of threads, which libraries cut such sums by.
#include "parallel.h"
#include "products.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr int64_t kTile = 384;        // a tile's side, at most: a product then reads few numbers for each sum
constexpr int64_t kWantedTasks = 16;  // as many as threads that shall have work
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
  Workspace workspace(stream, pieces > 1 ? Workspace::bytes<float>(pieces * out * in) : 0);
  float* sums = pieces > 1 ? workspace.take<float>(pieces * out * in) : f32(dw);
  Products product;
  parallel_for(stream, tiles * pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t piece = i / tiles, o = i % tiles / ins.count, c = i % ins.count;
      const int64_t first = rows * piece / pieces, count = rows * (piece + 1) / pieces - first;
      product('T', 'N', outs.length(o), ins.length(c), count, 1, f32(dy) + first * out + outs.first(o), out,
              f32(x) + first * in + ins.first(c), in, 0, sums + (piece * out + outs.first(o)) * in + ins.first(c), in);
    }
  });
  product.report("linear_bwd_weight");
  if (pieces == 1) return;
  parallel_for(stream, out * in, std::max<int64_t>(1, 16384 / pieces), [&](int64_t begin, int64_t end) {
    add_pieces(sums + begin, pieces, out * in, end - begin, f32(dw) + begin);
  });
}

}  // namespace eqv::backend
