// Elementwise arithmetic. Inputs and outputs may be the same tensor.
#include <algorithm>
#include <cmath>

#include "parallel.h"
#include "simd.h"

namespace eqv::backend {

using namespace cpu;

namespace {

EQV_SIMD void sum(const float* a, const float* b, int64_t n, float* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}

EQV_SIMD void combine(const float* a, float alpha, const float* b, float beta, int64_t n, float* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = alpha * a[i] + beta * b[i];
}

EQV_SIMD void scale(const float* a, float alpha, int64_t n, float* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = alpha * a[i];
}

EQV_SIMD void scale_channels(const float* x, int64_t rows, int64_t channels, const float* factor, float* y) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* in = x + r * channels;
    float* out = y + r * channels;
#pragma omp simd
    for (int64_t j = 0; j < channels; ++j) out[j] = in[j] * factor[j];
  }
}

EQV_SIMD void affine_channels(const float* x, int64_t rows, int64_t channels, const float* factor, const float* shift,
                              float* y) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* in = x + r * channels;
    float* out = y + r * channels;
#pragma omp simd
    for (int64_t j = 0; j < channels; ++j) out[j] = in[j] * factor[j] + shift[j];
  }
}

EQV_SIMD void product(const float* a, const float* b, int64_t n, float* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] * b[i];
}

EQV_SIMD void quotient(const float* a, const float* b, int64_t n, float* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] / b[i];
}

// d(a/b)/db
EQV_SIMD void quotient_slope(const float* dout, const float* a, const float* b, int64_t n, float* db) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) db[i] = -(dout[i] * (a[i] / b[i])) / b[i];
}

void logarithm(const float* a, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = std::log(a[i]);
}

}  // namespace

void axpby(Stream& stream, const eqv_axpby_params& p, const Tensor& a, const Tensor* b, const Tensor& out) {
  parallel_elements(stream, elements(a), [&](int64_t begin, int64_t end) {
    const int64_t n = end - begin;
    if (!b)
      scale(f32(a) + begin, p.alpha, n, f32(out) + begin);
    else if (p.alpha == 1.0f && p.beta == 1.0f)
      sum(f32(a) + begin, f32(*b) + begin, n, f32(out) + begin);
    else
      combine(f32(a) + begin, p.alpha, f32(*b) + begin, p.beta, n, f32(out) + begin);
  });
}

void add_scaled(Stream& stream, const Tensor* a, const Tensor& b, const Tensor& s, const Tensor& out) {
  const float factor = *f32(s);
  parallel_elements(stream, elements(b), [&](int64_t begin, int64_t end) {
    if (a)
      combine(f32(*a) + begin, 1.0f, f32(b) + begin, factor, end - begin, f32(out) + begin);
    else
      scale(f32(b) + begin, factor, end - begin, f32(out) + begin);
  });
}

void channel_affine(Stream& stream, const Tensor& x, const Tensor* scale, const Tensor* shift, const Tensor& y) {
  const int64_t channels = x.shape[x.rank - 1], rows = elements(x) / channels;
  // Few channels: rows are taken several at a time, with the factors repeated.
  const int64_t block = std::min(rows, ceil_div(64, channels)), width = block * channels;
  Workspace workspace(stream, 2 * Workspace::bytes<float>(width));
  float* factors = workspace.take<float>(width);
  float* shifts = workspace.take<float>(width);
  for (int64_t i = 0; i < block; ++i) {
    if (scale) std::copy_n(f32(*scale), channels, factors + i * channels);
    else std::fill_n(factors + i * channels, channels, 1.0f);
    if (shift) std::copy_n(f32(*shift), channels, shifts + i * channels);
  }
  const auto run = [&](int64_t first, int64_t count, int64_t wide) {
    const float* in = f32(x) + first;
    float* out = f32(y) + first;
    if (shift)
      affine_channels(in, count, wide, factors, shifts, out);
    else
      scale_channels(in, count, wide, factors, out);
  };
  parallel_for(stream, rows / block, grain(width, Cost::kCopy), [&](int64_t begin, int64_t end) {
    run(begin * width, end - begin, width);
  });
  const int64_t done = rows / block * block;
  if (done < rows) run(done * channels, 1, (rows - done) * channels);
}

void arithmetic_fwd(Stream& stream, const eqv_arithmetic_params& p, const Tensor& a, const Tensor* b, const Tensor& out) {
  parallel_elements(stream, elements(a), [&](int64_t begin, int64_t end) {
    const int64_t n = end - begin;
    if (!b) logarithm(f32(a) + begin, n, f32(out) + begin);
    else if (p.kind == EQV_PRODUCT) product(f32(a) + begin, f32(*b) + begin, n, f32(out) + begin);
    else quotient(f32(a) + begin, f32(*b) + begin, n, f32(out) + begin);
  });
}

void arithmetic_bwd(Stream& stream, const eqv_arithmetic_params& p, const Tensor& dout, const Tensor& a, const Tensor* b,
                    const Tensor* da, const Tensor* db) {
  parallel_elements(stream, elements(a), [&](int64_t begin, int64_t end) {
    const int64_t n = end - begin;
    const float *d = f32(dout) + begin, *first = f32(a) + begin, *second = b ? f32(*b) + begin : nullptr;
    if (p.kind == EQV_PRODUCT) {
      if (da) product(d, second, n, f32(*da) + begin);
      if (db) product(d, first, n, f32(*db) + begin);
    } else {
      if (da) quotient(d, second ? second : first, n, f32(*da) + begin);
      if (db) quotient_slope(d, first, second, n, f32(*db) + begin);
    }
  });
}

void fill(Stream& stream, const eqv_fill_params& p, const Tensor& out) {
  const float value = static_cast<float>(p.value);
  parallel_elements(stream, elements(out), [&](int64_t begin, int64_t end) {
    std::fill(f32(out) + begin, f32(out) + end, value);
  });
}

}  // namespace eqv::backend
