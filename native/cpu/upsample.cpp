// Nearest-neighbour upsampling by two.
#include <cstring>

#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

// out = the sum of the four copies of each pixel, which are in two rows of the large image.
EQV_SIMD void fold_rows(const float* top, const float* bottom, int64_t width, int64_t channels, float* out) {
  for (int64_t w = 0; w < width; ++w) {
    const float *a = top + 2 * w * channels, *b = a + channels;
    const float *c = bottom + 2 * w * channels, *d = c + channels;
    float* o = out + w * channels;
#pragma omp simd
    for (int64_t j = 0; j < channels; ++j) o[j] = (a[j] + b[j]) + (c[j] + d[j]);
  }
}

// Few channels: a loop over the whole row, which has a short gather but no short inner loop.
EQV_SIMD void fold_single_channel(const float* top, const float* bottom, int64_t width, float* out) {
#pragma omp simd
  for (int64_t w = 0; w < width; ++w)
    out[w] = (top[2 * w] + top[2 * w + 1]) + (bottom[2 * w] + bottom[2 * w + 1]);
}


}  // namespace

void upsample_weight_fwd(Stream& stream, const Tensor& w, const Tensor& v) {
  const int64_t inputs = v.shape[0], outputs = v.shape[1];
  parallel_for(stream, inputs, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t o = 0; o < outputs; ++o) {
        const float* k = f32(w) + (o * inputs + i) * 9;
        float* to = f32(v) + (i * outputs + o) * 16;
        float lines[4][3];  // along the columns of the kernel first
        for (int s = 0; s < 3; ++s) {
          lines[0][s] = k[6 + s];
          lines[1][s] = k[3 + s] + k[6 + s];
          lines[2][s] = k[s] + k[3 + s];
          lines[3][s] = k[s];
        }
        for (int m = 0; m < 4; ++m) {
          const float* l = lines[m];
          to[4 * m] = l[2];
          to[4 * m + 1] = l[1] + l[2];
          to[4 * m + 2] = l[0] + l[1];
          to[4 * m + 3] = l[0];
        }
      }
  });
}

void upsample_weight_bwd(Stream& stream, const Tensor& dv, const Tensor& dw) {
  const int64_t outputs = dw.shape[0], inputs = dw.shape[1];
  parallel_for(stream, outputs, 1, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o)
      for (int64_t i = 0; i < inputs; ++i) {
        const float* from = f32(dv) + (i * outputs + o) * 16;
        float* to = f32(dw) + (o * inputs + i) * 9;
        for (int r = 0; r < 3; ++r)
          for (int s = 0; s < 3; ++s) {
            const float* k = from + (2 - r) * 4 + 2 - s;
            to[3 * r + s] = (k[0] + k[1]) + (k[4] + k[5]);
          }
      }
  });
}

void upsample2x_fwd(Stream& stream, const Tensor& x, const Tensor& y) {
  const int64_t width = x.shape[2], channels = x.shape[3], row = width * channels;
  const size_t pixel = static_cast<size_t>(channels) * sizeof(float);
  parallel_for(stream, x.shape[0] * x.shape[1], grain(row), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* in = f32(x) + r * row;
      float* out = f32(y) + 4 * r * row;
      for (int64_t w = 0; w < width; ++w) {
        std::memcpy(out + 2 * w * channels, in + w * channels, pixel);
        std::memcpy(out + (2 * w + 1) * channels, in + w * channels, pixel);
      }
      std::memcpy(out + 2 * row, out, static_cast<size_t>(2 * row) * sizeof(float));
    }
  });
}

void upsample2x_bwd(Stream& stream, const Tensor& dy, const Tensor& dx) {
  const int64_t width = dx.shape[2], channels = dx.shape[3], row = width * channels;
  parallel_for(stream, dx.shape[0] * dx.shape[1], grain(row), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* top = f32(dy) + 4 * r * row;
      float* out = f32(dx) + r * row;
      if (channels == 1)
        fold_single_channel(top, top + 2 * row, width, out);
      else
        fold_rows(top, top + 2 * row, width, channels, out);
    }
  });
}

}  // namespace eqv::backend
