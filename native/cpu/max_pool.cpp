// 2x2 maximum pooling. The index of the winner is kept, so that backward needs neither input nor output.
#include <cstring>

#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

// One pixel. A NaN wins, as in PyTorch; among equals the first does.
EQV_SIMD void pool(const float* a, const float* b, const float* c, const float* d, int64_t n, float* y,
                   uint8_t* index) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) {
    const float va = a[j], vb = b[j], vc = c[j], vd = d[j];
    float best = va;
    int32_t at = 0;
    at = vb > best ? 1 : at;
    best = vb > best ? vb : best;
    at = vc > best ? 2 : at;
    best = vc > best ? vc : best;
    at = vd > best ? 3 : at;
    best = vd > best ? vd : best;
    // A comparison with NaN is false, so NaN is looked for separately, from the last to the first, so that the first wins.
    // (Conditions joined by && would keep the compiler from vectorising.)
    at = vd != vd ? 3 : at;
    best = vd != vd ? vd : best;
    at = vc != vc ? 2 : at;
    best = vc != vc ? vc : best;
    at = vb != vb ? 1 : at;
    best = vb != vb ? vb : best;
    at = va != va ? 0 : at;
    best = va != va ? va : best;
    y[j] = best;
    index[j] = static_cast<uint8_t>(at);
  }
}

EQV_SIMD void unpool(const float* dy, const uint8_t* index, int64_t n, float* a, float* b, float* c, float* d) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) {
    const int32_t at = index[j];
    const float g = dy[j];
    a[j] = at == 0 ? g : 0.0f;
    b[j] = at == 1 ? g : 0.0f;
    c[j] = at == 2 ? g : 0.0f;
    d[j] = at == 3 ? g : 0.0f;
  }
}

}  // namespace

void max_pool2x2_fwd(Stream& stream, const Tensor& x, const Tensor& y, const Tensor& index) {
  const int64_t height = x.shape[1], channels = x.shape[3], row = x.shape[2] * channels;
  const int64_t out_height = y.shape[1], out_width = y.shape[2], out_row = out_width * channels;
  parallel_for(stream, y.shape[0] * out_height, grain(4 * out_row + 1),
               [&](int64_t begin, int64_t end) {
                 for (int64_t r = begin; r < end; ++r) {
                   const float* top = f32(x) + (r / out_height * height + r % out_height * 2) * row;
                   float* out = f32(y) + r * out_row;
                   uint8_t* at = static_cast<uint8_t*>(index.data) + r * out_row;
                   for (int64_t w = 0; w < out_width; ++w) {
                     const float* a = top + 2 * w * channels;
                     pool(a, a + channels, a + row, a + row + channels, channels, out + w * channels,
                          at + w * channels);
                   }
                 }
               });
}

void max_pool2x2_bwd(Stream& stream, const Tensor& dy, const Tensor& index, const Tensor& dx) {
  const int64_t height = dx.shape[1], width = dx.shape[2], channels = dx.shape[3], row = width * channels;
  const int64_t out_height = dy.shape[1], out_width = dy.shape[2], out_row = out_width * channels;
  const int64_t pairs = ceil_div(height, 2);  // of rows; the last of an odd height has no output
  const size_t row_bytes = static_cast<size_t>(row) * sizeof(float);
  parallel_for(stream, dx.shape[0] * pairs, grain(2 * row), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t n = r / pairs, i = r % pairs;
      float* top = f32(dx) + (n * height + 2 * i) * row;
      if (i >= out_height) {
        std::memset(top, 0, row_bytes);
        continue;
      }
      const int64_t at = (n * out_height + i) * out_row;
      for (int64_t w = 0; w < out_width; ++w) {
        float* a = top + 2 * w * channels;
        unpool(f32(dy) + at + w * channels, static_cast<const uint8_t*>(index.data) + at + w * channels, channels, a,
               a + channels, a + row, a + row + channels);
      }
      if (width % 2) {
        std::memset(top + (width - 1) * channels, 0, static_cast<size_t>(channels) * sizeof(float));
        std::memset(top + row + (width - 1) * channels, 0, static_cast<size_t>(channels) * sizeof(float));
      }
    }
  });
}

}  // namespace eqv::backend
