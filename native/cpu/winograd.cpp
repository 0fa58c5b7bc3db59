// y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A for every tile d of 4×4 pixels, which gives 2×2 of the output: summed over channels, the
// 16 products of a tile are 16 matrix products over many tiles.
//
//   Bᵀ = 1  0 -1  0     G = 1   0   0      Aᵀ = 1  1  1  0
//        0  1  1  0         ½   ½   ½           0  1 -1 -1
//        0 -1  1  0         ½  -½   ½
//        0  1  0 -1         0   0   1
//
// One thread does all the work on a block of tiles, so results do not depend on the number of threads.
#include "winograd.h"

#include <algorithm>

#include "products.h"
#include "simd.h"

namespace eqv::cpu {
namespace {

constexpr int64_t kTiles = 128;  // of a block: enough rows for the matrix products, few enough for the caches
constexpr int64_t kLanes = 16;  // output channels whose weights are transformed together

// t = G g Gᵀ of kLanes output channels and one input channel. `stride` is from one output channel's weights to the
// next's; a negative step reads the nine weights backwards. u: the 16 values, `plane` apart.
EQV_SIMD void transform_weights(const float* w, int64_t stride, int64_t step, int64_t lanes, int64_t plane, float* u) {
  float g[9][kLanes] = {}, rows[4][3][kLanes];
  for (int64_t j = 0; j < lanes; ++j)
    for (int64_t i = 0; i < 9; ++i) g[i][j] = w[j * stride + i * step];
  for (int64_t b = 0; b < 3; ++b) {
#pragma omp simd
    for (int64_t j = 0; j < kLanes; ++j) {
      const float outer = g[b][j] + g[6 + b][j];
      rows[0][b][j] = g[b][j];
      rows[1][b][j] = 0.5f * (outer + g[3 + b][j]);
      rows[2][b][j] = 0.5f * (outer - g[3 + b][j]);
      rows[3][b][j] = g[6 + b][j];
    }
  }
  for (int64_t i = 0; i < 4; ++i) {
    float* to = u + 4 * i * plane;
#pragma omp simd
    for (int64_t j = 0; j < lanes; ++j) {
      const float outer = rows[i][0][j] + rows[i][2][j];
      to[j] = rows[i][0][j];
      to[plane + j] = 0.5f * (outer + rows[i][1][j]);
      to[2 * plane + j] = 0.5f * (outer - rows[i][1][j]);
      to[3 * plane + j] = rows[i][2][j];
    }
  }
}

// Bᵀ d B of every channel; pixels: the 16 of a tile, row by row. v: the 16 values, `plane` apart.
EQV_SIMD void transform_pixels(const float* const* pixels, int64_t channels, int64_t plane, float* v) {
#pragma omp simd
  for (int64_t c = 0; c < channels; ++c) {
    float t[4][4];
    for (int j = 0; j < 4; ++j) {
      const float a = pixels[j][c], b = pixels[4 + j][c], d = pixels[8 + j][c], e = pixels[12 + j][c];
      t[0][j] = a - d, t[1][j] = b + d, t[2][j] = d - b, t[3][j] = b - e;
    }
    for (int i = 0; i < 4; ++i) {
      const float a = t[i][0], b = t[i][1], d = t[i][2], e = t[i][3];
      v[(4 * i + 0) * plane + c] = a - d;
      v[(4 * i + 1) * plane + c] = b + d;
      v[(4 * i + 2) * plane + c] = d - b;
      v[(4 * i + 3) * plane + c] = b - e;
    }
  }
}

// y = Aᵀ m A + bias of every channel; m: the 16 values, `plane` apart. y: four pixels; those outside the image point
// to memory that is not read.
EQV_SIMD void transform_products(const float* m, int64_t plane, int64_t channels, const float* bias, float* const* y) {
  float *y00 = y[0], *y01 = y[1], *y10 = y[2], *y11 = y[3];
#pragma omp simd
  for (int64_t k = 0; k < channels; ++k) {
    float t[2][4];
    for (int j = 0; j < 4; ++j) {
      const float a = m[j * plane + k], b = m[(4 + j) * plane + k];
      const float d = m[(8 + j) * plane + k], e = m[(12 + j) * plane + k];
      t[0][j] = (a + b) + d, t[1][j] = (b - d) - e;
    }
    y00[k] = ((t[0][0] + t[0][1]) + t[0][2]) + bias[k];
    y01[k] = ((t[0][1] - t[0][2]) - t[0][3]) + bias[k];
    y10[k] = ((t[1][0] + t[1][1]) + t[1][2]) + bias[k];
    y11[k] = ((t[1][1] - t[1][2]) - t[1][3]) + bias[k];
  }
}

// A pixel's channels while they are still in the cache. NaN stays.
EQV_SIMD void finish(const WinogradEnd& end, const float* residual, int64_t channels, float* y) {
  if (residual) {
#pragma omp simd
    for (int64_t k = 0; k < channels; ++k) y[k] += residual[k];
  }
  if (end.activation == EQV_SILU) {
#pragma omp simd
    for (int64_t k = 0; k < channels; ++k) y[k] = silu32(y[k]);
  } else if (end.activation == EQV_RELU) {
#pragma omp simd
    for (int64_t k = 0; k < channels; ++k) y[k] = y[k] <= 0 ? 0.0f : y[k];
  } else if (end.activation == EQV_LEAKY_RELU) {
#pragma omp simd
    for (int64_t k = 0; k < channels; ++k) y[k] = y[k] <= 0 ? end.slope * y[k] : y[k];
  }
}

// The tiles of an image, and where in it they are.
struct Tiles {
  explicit Tiles(const WinogradConv& c)
      : down(ceil_div(c.out_rows, 2)), across(ceil_div(c.out_cols, 2)), count(c.samples * down * across) {}

  struct Place {
    int64_t sample, row, col;  // of the first of its four output pixels
  };
  Place place(int64_t tile) const {
    return {tile / (down * across), tile / across % down * 2, tile % across * 2};
  }

  const int64_t down, across, count;
};

void read_tile(const WinogradConv& conv, const float* x, const float* zeros, const Tiles::Place& at,
               const float** pixels) {
  for (int64_t i = 0; i < 4; ++i) {
    const int64_t row = at.row + i - conv.pad_top;
    for (int64_t j = 0; j < 4; ++j) {
      const int64_t col = at.col + j - conv.pad_left;
      const bool inside = row >= 0 && row < conv.rows && col >= 0 && col < conv.cols;
      pixels[4 * i + j] = inside ? x + ((at.sample * conv.rows + row) * conv.cols + col) * conv.channels : zeros;
    }
  }
}

}  // namespace

bool winograd_pays(const WinogradConv& conv) {
  return conv.channels >= 64 && conv.out_channels >= 64 && Tiles(conv).count >= 64;
}

void winograd(Stream& stream, const WinogradConv& conv, const float* x, const float* w, const WinogradEnd& after,
              float* y) {
  const int64_t in = conv.channels, out = conv.out_channels, plane = in * out;
  const Tiles tiles(conv);
  const int64_t blocks = ceil_div(tiles.count, kTiles), threads = stream.device->threads;
  // Of each thread: [16, tiles, in], [16, tiles, out], and a pixel to write what lies outside the image.
  const int64_t buffer = 16 * kTiles * (in + out) + out;
  Workspace workspace(stream, Workspace::bytes<float>(16 * plane) + Workspace::bytes<float>(std::max(in, out)) +
                                  threads * Workspace::bytes<float>(buffer));
  float* u = workspace.take<float>(16 * plane);  // [16, in, out]
  float* zeros = workspace.take<float>(std::max(in, out));
  std::fill_n(zeros, std::max(in, out), 0.0f);
  float* buffers = workspace.take<float>(threads * Workspace::bytes<float>(buffer) / int64_t{sizeof(float)});

  const int64_t groups = ceil_div(out, kLanes);
  parallel_for(stream, groups, grain(in, Cost::kDozens), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t k = i * kLanes, lanes = std::min(kLanes, out - k);
      for (int64_t c = 0; c < in; ++c) {
        if (conv.adjoint)
          transform_weights(w + (c * out + k) * 9 + 8, 9, -1, lanes, plane, u + c * out + k);
        else
          transform_weights(w + (k * in + c) * 9, 9 * in, 1, lanes, plane, u + c * out + k);
      }
    }
  });

  Products product;
  parallel_for(stream, blocks, 1, [&](int64_t begin, int64_t end, int thread) {
    float* v = buffers + thread * (Workspace::bytes<float>(buffer) / int64_t{sizeof(float)});
    float *m = v + 16 * kTiles * in, *outside = m + 16 * kTiles * out;
    for (int64_t b = begin; b < end; ++b) {
      const int64_t first = b * kTiles, count = std::min(kTiles, tiles.count - first);
      for (int64_t t = 0; t < count; ++t) {
        const float* pixels[16];
        read_tile(conv, x, zeros, tiles.place(first + t), pixels);
        transform_pixels(pixels, in, count * in, v + t * in);
      }
      for (int64_t i = 0; i < 16; ++i)
        product('N', 'N', count, out, in, 1, v + i * count * in, in, u + i * plane, out, 0, m + i * count * out, out);
      for (int64_t t = 0; t < count; ++t) {
        const Tiles::Place at = tiles.place(first + t);
        float* pixels[4];
        int64_t places[4];
        for (int64_t i = 0; i < 4; ++i) {
          const int64_t row = at.row + i / 2, col = at.col + i % 2;
          const bool inside = row < conv.out_rows && col < conv.out_cols;
          places[i] = inside ? ((at.sample * conv.out_rows + row) * conv.out_cols + col) * out : -1;
          pixels[i] = inside ? y + places[i] : outside;
        }
        transform_products(m + t * out, count * out, out, after.bias ? after.bias : zeros, pixels);
        for (int64_t i = 0; i < 4; ++i)
          if (places[i] >= 0) finish(after, after.residual ? after.residual + places[i] : nullptr, out, pixels[i]);
      }
    }
  });
  product.report("conv2d");
}

}  // namespace eqv::cpu
