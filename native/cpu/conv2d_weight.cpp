// The weight gradient of a convolution: one long sum over the pixels of all images for each weight. oneDNN cuts such sums by the
// number of threads, which then wait for each other. Here pieces of the pixels, and blocks of output channels, are primitives of
// one thread each, cut by size alone, and pieces are added in order: the result does not depend on the number of threads, and a
// thread that is free takes the next piece.
#include <algorithm>
#include <vector>

#include "conv2d.h"
#include "partial_sums.h"

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr int64_t kWanted = 16;               // pieces: enough for as many threads
constexpr int64_t kFewestProducts = 1 << 23;  // of a piece, in which its primitive's start is lost
constexpr int64_t kFewestPixels = 2048;       // of a piece whose sums do not stay in the cache, so that adding them costs little
constexpr int64_t kCached = 32768;            // weights whose sums do
constexpr int64_t kMostSums = 1 << 24;        // numbers in all pieces' sums: 64 MiB
constexpr int64_t kBlock = 64;                // output channels of a block, at least

// A part of dy, and the rows of x that belong to it: some samples, or a strip of rows of one.
struct Part {
  int64_t sample, samples;  // the first, and how many
  int64_t row, rows;        // of dy
  int64_t x_row;            // the first in x
  ConvShapes shapes;        // as a convolution of its own
};

Part whole(const ConvShapes& d, int64_t sample, int64_t samples) {
  Part part{sample, samples, 0, d.y[2], 0, d};
  part.shapes.x[0] = part.shapes.y[0] = samples;
  return part;
}

Part strip(const ConvShapes& d, int64_t sample, int64_t row, int64_t rows) {
  const int64_t begin = row * d.strides[0] - d.pad_before[0], end = begin + (rows - 1) * d.strides[0] + d.w[2];
  Part part{sample, 1, row, rows, std::max<int64_t>(begin, 0), d};
  ConvShapes& s = part.shapes;
  s.x[0] = s.y[0] = 1;
  s.x[2] = std::min(end, d.x[2]) - part.x_row;
  s.y[2] = rows;
  s.pad_before[0] = part.x_row - begin;
  s.pad_after[0] = std::max<int64_t>(end - d.x[2], 0);
  return part;
}

// A function of the sizes alone.
std::vector<Part> parts_of(const ConvShapes& d) {
  const int64_t samples = d.y[0], rows = d.y[2], pixels = samples * rows * d.y[3];
  const int64_t weights = d.w[0] * d.w[1] * d.w[2] * d.w[3];
  const int64_t wanted = std::min({kWanted, pixels * weights / kFewestProducts, kMostSums / weights,
                                   weights > kCached ? pixels / kFewestPixels : kWanted});
  std::vector<Part> parts;
  if (wanted <= samples || d.pad_before[0] >= d.w[2] || d.pad_after[0] >= d.w[2]) {
    const int64_t count = std::clamp<int64_t>(wanted, 1, samples);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t first = samples * i / count, last = samples * (i + 1) / count;
      parts.push_back(whole(d, first, last - first));
    }
    return parts;
  }
  const int64_t strips = std::min(ceil_div(wanted, samples), rows);
  for (int64_t sample = 0; sample < samples; ++sample)
    for (int64_t i = 0; i < strips; ++i) {
      const int64_t first = rows * i / strips, last = rows * (i + 1) / strips;
      parts.push_back(strip(d, sample, first, last - first));
    }
  return parts;
}

// Blocks of output channels, where there are too few parts.
int64_t blocks_of(const ConvShapes& d, int64_t parts) {
  const int64_t work = d.y[0] * d.y[2] * d.y[3] * d.w[0] * d.w[1] * d.w[2] * d.w[3];
  int64_t blocks = std::min({kWanted / (2 * parts), d.w[0] / kBlock, work / parts / kFewestProducts});
  while (blocks > 1 && d.w[0] % (blocks * 16) != 0) --blocks;
  return std::max<int64_t>(blocks, 1);
}

Plan make_plan(const Stream& s, const ConvShapes& d, bool bias) {
  // Without AVX-512, oneDNN's NHWC weight gradient is up to 1.4× slower than its own layout with the reorders; with
  // AVX-512 it is as fast and the reorders are saved.
  static const bool nhwc = dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core;
  const auto type = factor_type(s);
  const auto xs = nhwc ? image(d.x, type) : any(d.x, type), ys = nhwc ? image(d.y, type) : any(d.y, type);
  const auto hint = forward_desc(d, bias, xs, any(d.w, type), ys);
  const auto algorithm = dnnl::algorithm::convolution_direct;
  const auto pd = bias ? dnnl::convolution_backward_weights::primitive_desc(
                             engine(), algorithm, xs, any(d.w), vector(d.w[0]), ys, d.strides, d.pad_before, d.pad_after,
                             hint, user_scratchpad())
                       : dnnl::convolution_backward_weights::primitive_desc(engine(), algorithm, xs, any(d.w), ys,
                                                                            d.strides, d.pad_before, d.pad_after, hint,
                                                                            user_scratchpad());
  std::vector<PlanArgument> arguments = {factor(s, DNNL_ARG_SRC, image(d.x), pd.src_desc()),
                                         factor(s, DNNL_ARG_DIFF_DST, image(d.y), pd.diff_dst_desc()),
                                         {DNNL_ARG_DIFF_WEIGHTS, filter(d.w), pd.diff_weights_desc(), true}};
  if (bias) arguments.push_back({DNNL_ARG_DIFF_BIAS, vector(d.w[0]), pd.diff_bias_desc(), true});
  return Plan(dnnl::convolution_backward_weights(pd), pd.scratchpad_desc(), arguments);
}

void copy_block(const float* y, int64_t pixels, int64_t channels, int64_t block, float* to) {
  for (int64_t i = 0; i < pixels; ++i) std::copy_n(y + i * channels, block, to + i * block);
}

}  // namespace

void conv2d_bwd_weight(Stream& s, const eqv_conv2d_params& p, const Tensor& x, const Tensor& dy, const Tensor& dw,
                       const Tensor* dbias) {
  if (dbias && s.bf16) {
    bias_bwd(s, dy, *dbias);  // terms of a sum are no factors: they are not rounded
    dbias = nullptr;
  }
  const ConvShapes d = conv_shapes(p, x, dw, dy);
  std::vector<Part> parts = parts_of(d);
  const int64_t count = static_cast<int64_t>(parts.size()), blocks = blocks_of(d, count), channels = d.w[0] / blocks;
  const int64_t weights = elements(dw), block_weights = weights / blocks;
  std::vector<std::shared_ptr<PlanCache::Entry>> plans;
  int64_t scratch = 0, copied = 0;
  for (Part& part : parts) {
    part.shapes.w[0] = part.shapes.y[1] = channels;
    plans.push_back(PlanCache::instance().plan(s, conv_key(kBackwardWeight, s, part.shapes, dbias), 1,
                                               [&] { return make_plan(s, part.shapes, dbias); }));
    scratch = std::max(scratch, plans.back()->plan.scratch_bytes());
    if (blocks > 1) copied = std::max(copied, part.samples * part.rows * d.y[3] * channels);
  }
  const int64_t own = Workspace::bytes<char>(scratch) + Workspace::bytes<float>(copied);
  const int64_t partial = count > 1 ? count * weights : 0, partial_bias = count > 1 && dbias ? count * d.w[0] : 0;
  Workspace workspace(s, Workspace::bytes<float>(partial) + Workspace::bytes<float>(partial_bias) + s.device->threads * own);
  float* sums = count > 1 ? workspace.take<float>(partial) : f32(dw);
  float* bias = !dbias ? nullptr : count > 1 ? workspace.take<float>(partial_bias) : f32(*dbias);
  char* buffers = workspace.take<char>(s.device->threads * own);

  begin_kernel(s, plans.front()->plan.name());
  parallel_for(s, count * blocks, 1, [&](int64_t begin, int64_t end, int thread) {
    char* buffer = buffers + thread * own;
    float* copy = reinterpret_cast<float*>(buffer + Workspace::bytes<char>(scratch));
    for (int64_t i = begin; i < end; ++i) {
      const Part& part = parts[static_cast<size_t>(i / blocks)];
      const int64_t block = i % blocks;
      float* ys = f32(dy) + (part.sample * d.y[2] + part.row) * d.y[3] * d.y[1] + block * channels;
      if (blocks > 1) {
        copy_block(ys, part.samples * part.rows * d.y[3], d.y[1], channels, copy);
        ys = copy;
      }
      float* xs = f32(x) + (part.sample * d.x[2] + part.x_row) * d.x[3] * d.x[1];
      float* sum = sums + i / blocks * weights + block * block_weights;
      float* sum_bias = bias ? bias + i / blocks * d.w[0] + block * channels : nullptr;
      const auto& entry = plans[static_cast<size_t>(i / blocks)];
      entry->bound([&](Plan::Binding& binding) { entry->plan.run_piece(buffer, binding, {xs, ys, sum, sum_bias}); });
    }
  });
  end_kernel(s);
  if (count == 1) return;
  add_pieces(s, sums, count, weights, f32(dw));
  if (bias) add_pieces(s, bias, count, d.w[0], f32(*dbias));
}

}  // namespace eqv::backend
