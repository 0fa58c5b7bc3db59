// One level of LPIPS. Eight lanes share a pixel, so a warp has four. A lane takes 8 channels at a time, and the lanes of a
// pixel together read 64 neighbouring channels.
#include "common/reduce.h"
#include "common/values.h"

namespace eqv::backend {

using namespace gpu;

namespace {

constexpr double kEps = 1e-10;
constexpr int kLanes = 8;                     // of a pixel
constexpr int kTogether = kThreads / kLanes;  // pixels of a block at a time
constexpr int64_t kPixels = 16 * kTogether;   // of one block of the forward pass
constexpr int kBlocks = 4;                    // per multiprocessor: without this bound ptxas aims at 6 and spills

// 8 channels from i on; those beyond the last are 0, which adds nothing to any sum. Without kVectors they are read one
// by one, with the same bits.
template <bool kVectors>
__device__ void load(Values f, int64_t i, int64_t c, float (&v)[kVector]) {
  if constexpr (kVectors) {
    f.load(i, v);
  } else {
    for (int k = 0; k < kVector; ++k) v[k] = i + k < c ? f[i + k] : 0;
  }
}

template <bool kVectors>
__device__ void store(Values f, int64_t i, int64_t c, const float (&v)[kVector]) {
  if constexpr (kVectors) {
    f.store(i, v);
  } else {
    for (int k = 0; k < kVector; ++k)
      if (i + k < c) f.set(i + k, v[k]);
  }
}

// f(i) for every i where one of this lane's parts of 8 channels begins, ascending.
template <class F>
__device__ void each_part(int64_t c, F f) {
  for (int64_t i = threadIdx.x % kLanes * kVector; i < c; i += kLanes * kVector) f(i);
}

// The sum of a pixel's lanes, in each of them. All lanes of the warp must be here.
__device__ double of_pixel(double value) {
  for (int bit = kLanes / 2; bit > 0; bit /= 2) value += __shfl_xor_sync(kAllLanes, value, bit);
  return value;
}

// ‖f‖ of one pixel
template <bool kVectors>
__device__ double norm(Values f, int64_t c) {
  double sum = 0;
  each_part(c, [&](int64_t i) {
    float v[kVector];
    load<kVectors>(f, i, c, v);
    for (int k = 0; k < kVector; ++k) sum += static_cast<double>(v[k]) * static_cast<double>(v[k]);
  });
  return sqrt(of_pixel(sum));
}

// From one pixel's weights to the next one's: 0 if all pixels have the same.
int64_t per_pixel(const Tensor& w) { return w.rank == 4 ? w.shape[3] : 0; }

// Σ_c w_c (f̂0_c − f̂1_c)² over kPixels pixels of an image.
template <bool kVectors>
__global__ void __launch_bounds__(kThreads, kBlocks) forward_kernel(int64_t pixels, unsigned chunks, int64_t c, Values f0,
                                                                    Values f1, Values w, int64_t w_pixel, double* parts) {
  BlockScratch& scratch = shared_memory<BlockScratch>();
  const int64_t n = blockIdx.x / chunks, begin = blockIdx.x % chunks * kPixels;
  const int64_t end = begin + kPixels < pixels ? begin + kPixels : pixels;
  double sum = 0;
  for (int64_t first = begin; first < end; first += kTogether) {
    const int64_t mine = first + threadIdx.x / kLanes, pixel = mine < end ? mine : end - 1;
    const Values a = f0.from((n * pixels + pixel) * c), b = f1.from((n * pixels + pixel) * c);
    const Values factors = w.from((n * pixels + pixel) * w_pixel);
    const float ia = static_cast<float>(1 / (norm<kVectors>(a, c) + kEps));
    const float ib = static_cast<float>(1 / (norm<kVectors>(b, c) + kEps));
    if (mine >= end) continue;
    each_part(c, [&](int64_t i) {
      float x[kVector], y[kVector], weight[kVector];
      load<kVectors>(a, i, c, x);
      load<kVectors>(b, i, c, y);
      load<kVectors>(factors, i, c, weight);
      for (int k = 0; k < kVector; ++k) {
        const float d = x[k] * ia - y[k] * ib;
        sum += static_cast<double>(weight[k] * d * d);
      }
    });
  }
  sum = block_join(sum, scratch);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

template <bool kVectors>
__global__ void __launch_bounds__(kThreads, kBlocks) backward_kernel(int64_t all, int64_t pixels, int64_t c, Values f0,
                                                                     Values f1, Values w, int64_t w_pixel, const float* dout,
                                                                     Values df1) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * kTogether;
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * kTogether; first < all; first += step) {
    const int64_t mine = first + threadIdx.x / kLanes, pixel = mine < all ? mine : all - 1;
    const Values a = f0.from(pixel * c), b = f1.from(pixel * c), d = df1.from(pixel * c);
    const Values factors = w.from(pixel * w_pixel);
    const float factor = static_cast<float>(2 * static_cast<double>(dout[pixel / pixels]) / static_cast<double>(pixels));
    const double length = norm<kVectors>(b, c), i0 = 1 / (norm<kVectors>(a, c) + kEps), i1 = 1 / (length + kEps);
    const float u0 = static_cast<float>(i0), u1 = static_cast<float>(i1);
    // Both vectors' 8 channels, and the gradient for the second after its normalisation.
    const auto part = [&](int64_t i, float(&y)[kVector], float(&g)[kVector]) {
      float x[kVector], weight[kVector];
      load<kVectors>(a, i, c, x);
      load<kVectors>(b, i, c, y);
      load<kVectors>(factors, i, c, weight);
      for (int k = 0; k < kVector; ++k) g[k] = factor * weight[k] * (y[k] * u1 - x[k] * u0);
    };
    double dot = 0;
    each_part(c, [&](int64_t i) {
      float y[kVector], g[kVector];
      part(i, y, g);
      for (int k = 0; k < kVector; ++k) dot += static_cast<double>(g[k]) * static_cast<double>(y[k]);
    });
    dot = of_pixel(dot);
    if (mine >= all) continue;
    // d(1/(‖f‖ + ε))/df = −f/(‖f‖ (‖f‖ + ε)²); at f = 0 the dot product is 0 as well.
    const float k1 = static_cast<float>(length > 0 ? dot * i1 * i1 / length : 0);
    each_part(c, [&](int64_t i) {
      float y[kVector], g[kVector];
      part(i, y, g);
      for (int k = 0; k < kVector; ++k) g[k] = g[k] * u1 - y[k] * k1;
      store<kVectors>(d, i, c, g);
    });
  }
}

}  // namespace

void lpips_head_fwd(Stream& stream, const Tensor& f0_tensor, const Tensor& f1_tensor, const Tensor& w_tensor,
                    const Tensor& out_tensor) {
  const int64_t images = f0_tensor.shape[0], pixels = f0_tensor.shape[1] * f0_tensor.shape[2], c = f0_tensor.shape[3];
  const int64_t chunks = ceil_div(pixels, kPixels);
  Workspace workspace(stream, Workspace::bytes<double>(images * chunks));
  double* parts = workspace.take<double>(images * chunks);
  const bool vectors = in_vectors(c, {&f0_tensor, &f1_tensor, &w_tensor});
  launch(stream, "lpips_head_fwd", dim3(static_cast<unsigned>(images * chunks)), dim3(kThreads), sizeof(BlockScratch),
         vectors ? forward_kernel<true> : forward_kernel<false>, pixels, static_cast<unsigned>(chunks), c,
         values(f0_tensor), values(f1_tensor), values(w_tensor), per_pixel(w_tensor), parts);
  float* out = f32(out_tensor);
  reduce_rows(
      stream, "lpips_head_fwd", images, chunks,
      EQV_LAMBDA(int64_t n, int64_t chunk) -> double { return parts[n * chunks + chunk]; },
      EQV_LAMBDA(int64_t n, double sum) { out[n] = static_cast<float>(sum / static_cast<double>(pixels)); });
}

void lpips_head_bwd(Stream& stream, const Tensor& dout_tensor, const Tensor& f0_tensor, const Tensor& f1_tensor,
                    const Tensor& w_tensor, const Tensor& df1_tensor) {
  const int64_t pixels = f0_tensor.shape[1] * f0_tensor.shape[2], all = f0_tensor.shape[0] * pixels;
  const bool vectors = in_vectors(f0_tensor.shape[3], {&f0_tensor, &f1_tensor, &w_tensor, &df1_tensor});
  launch(stream, "lpips_head_bwd", dim3(static_cast<unsigned>(std::min(ceil_div(all, kTogether), wave(stream)))),
         dim3(kThreads), 0, vectors ? backward_kernel<true> : backward_kernel<false>, all, pixels, f0_tensor.shape[3],
         values(f0_tensor), values(f1_tensor), values(w_tensor), per_pixel(w_tensor),
         static_cast<const float*>(f32(dout_tensor)), values(df1_tensor));
}

}  // namespace eqv::backend
