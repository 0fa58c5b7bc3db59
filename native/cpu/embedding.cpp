// Embeddings of classes, times and positions.
#include <cmath>
#include <cstring>
#include <limits>

#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

EQV_SIMD void turn(const float* x, const float* cos, const float* sin, int64_t size, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < size; i += 2) {
    const float a = x[i], b = x[i + 1];
    y[i] = a * cos[i] - b * sin[i];
    y[i + 1] = b * cos[i + 1] + a * sin[i + 1];
  }
}

EQV_SIMD void turn_back(const float* x, const float* cos, const float* sin, int64_t size, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < size; i += 2) {
    const float a = x[i], b = x[i + 1];
    y[i] = a * cos[i] + b * sin[i + 1];
    y[i + 1] = b * cos[i + 1] - a * sin[i];
  }
}

double frequency(const eqv_timestep_embedding_params& p, int64_t k, int64_t half) {
  return std::exp(-std::log(static_cast<double>(p.max_period)) * static_cast<double>(k) / static_cast<double>(half));
}

}  // namespace

void rope(Stream& stream, const eqv_rope_params& p, const Tensor& x, const Tensor& cos, const Tensor& sin, const Tensor& y) {
  const int64_t tokens = x.shape[1], heads = x.shape[2], size = x.shape[3], rotated = p.rotated;
  parallel_for(stream, x.shape[0] * tokens, grain(heads * size), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float *c = f32(cos) + row % tokens * size, *s = f32(sin) + row % tokens * size;
      const float* in = f32(x) + row * heads * size;
      float* out = f32(y) + row * heads * size;
      for (int64_t h = 0; h < rotated; ++h)
        (p.transposed ? turn_back : turn)(in + h * size, c, s, size, out + h * size);
      if (in != out) std::copy(in + rotated * size, in + heads * size, out + rotated * size);
    }
  });
}

void embedding_fwd(Stream& stream, const Tensor& table, const Tensor& index, const Tensor& y) {
  const int64_t width = table.shape[1], rows = table.shape[0];
  const auto* which = static_cast<const int32_t*>(index.data);
  parallel_for(stream, elements(index), grain(width), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      float* out = f32(y) + n * width;
      if (which[n] >= 0 && which[n] < rows)
        std::copy_n(f32(table) + which[n] * width, width, out);
      else
        std::fill_n(out, width, std::numeric_limits<float>::quiet_NaN());
    }
  });
}

void timestep_embedding_fwd(Stream& stream, const eqv_timestep_embedding_params& p, const Tensor& t, const Tensor& y) {
  const int64_t width = channels_of(y), half = width / 2;
  parallel_for(stream, elements(t), 8, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      float* out = f32(y) + n * width;
      if (width % 2) out[width - 1] = 0;
      for (int64_t k = 0; k < half; ++k) {
        const double angle = static_cast<double>(f32(t)[n]) * frequency(p, k, half);
        out[k] = static_cast<float>(std::cos(angle));
        out[half + k] = static_cast<float>(std::sin(angle));
      }
    }
  });
}

void timestep_embedding_bwd(Stream& stream, const eqv_timestep_embedding_params& p, const Tensor& dy, const Tensor& t,
                            const Tensor& dt) {
  const int64_t width = channels_of(dy), half = width / 2;
  parallel_for(stream, elements(t), 8, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float* d = f32(dy) + n * width;
      double sum = 0;
      for (int64_t k = 0; k < half; ++k) {
        const double f = frequency(p, k, half), angle = static_cast<double>(f32(t)[n]) * f;
        sum += f * (static_cast<double>(d[half + k]) * std::cos(angle) - static_cast<double>(d[k]) * std::sin(angle));
      }
      f32(dt)[n] = static_cast<float>(sum);
    }
  });
}

}  // namespace eqv::backend
