// pool2d: the maximum or the mean of the pixels in a window. Pixels outside the image are ignored: they are never the
// maximum, and the mean does not count them. Max keeps the winner's place in its window (row-major, the first of equals; a NaN wins,
// as in PyTorch). PyTorch: F.max_pool2d; F.avg_pool2d with count_include_pad=False.
#include <cmath>

#include "common/ref_backend.h"

namespace eqv::ref {

// f(i, j, k) for every pixel (i, j) inside the image that window (p, q) covers; k = its place in the window.
template <class T, class F>
void each_in_window(const eqv_pool2d_params& o, View<T> x, int64_t p, int64_t q, F&& f) {
  for (int64_t r = 0; r < o.kernel_height; ++r)
    for (int64_t s = 0; s < o.kernel_width; ++s) {
      const int64_t i = p * o.stride + r - o.padding, j = q * o.stride + s - o.padding;
      if (i >= 0 && i < x.n1 && j >= 0 && j < x.n2) f(i, j, r * o.kernel_width + s);
    }
}

template <class T, class F>
void each_output(View<T> y, F&& f) {
  for (int64_t n = 0; n < y.n0; ++n)
    for (int64_t p = 0; p < y.n1; ++p)
      for (int64_t q = 0; q < y.n2; ++q)
        for (int64_t c = 0; c < y.n3; ++c) f(n, p, q, c);
}

template <class T>
int64_t pixels_in_window(const eqv_pool2d_params& o, View<T> x, int64_t p, int64_t q) {
  int64_t count = 0;
  each_in_window(o, x, p, q, [&](int64_t, int64_t, int64_t) { ++count; });
  return count;
}

template <class T>
void max_pool2d_fwd(const eqv_pool2d_params& o, View<T> x, View<T> y, View<uint8_t> index) {
  each_output(y, [&](int64_t n, int64_t p, int64_t q, int64_t c) {
    bool first = true;
    each_in_window(o, x, p, q, [&](int64_t i, int64_t j, int64_t k) {
      T& best = y(n, p, q, c);
      const T value = x(n, i, j, c);
      if (first || value > best || (std::isnan(value) && !std::isnan(best))) {
        best = value;
        index(n, p, q, c) = static_cast<uint8_t>(k);
      }
      first = false;
    });
  });
}

template <class T>
void mean_pool2d_fwd(const eqv_pool2d_params& o, View<T> x, View<T> y) {
  each_output(y, [&](int64_t n, int64_t p, int64_t q, int64_t c) {
    T sum = 0;
    each_in_window(o, x, p, q, [&](int64_t i, int64_t j, int64_t) { sum += x(n, i, j, c); });
    y(n, p, q, c) = sum / static_cast<T>(pixels_in_window(o, x, p, q));
  });
}

template <class T>
void max_pool2d_bwd(const eqv_pool2d_params& o, View<T> dy, View<uint8_t> index, View<T> dx) {
  for (int64_t i = 0; i < dx.size(); ++i) dx[i] = 0;
  each_output(dy, [&](int64_t n, int64_t p, int64_t q, int64_t c) {
    each_in_window(o, dx, p, q, [&](int64_t i, int64_t j, int64_t k) {
      if (k == index(n, p, q, c)) dx(n, i, j, c) += dy(n, p, q, c);
    });
  });
}

template <class T>
void mean_pool2d_bwd(const eqv_pool2d_params& o, View<T> dy, View<T> dx) {
  for (int64_t i = 0; i < dx.size(); ++i) dx[i] = 0;
  each_output(dy, [&](int64_t n, int64_t p, int64_t q, int64_t c) {
    const T share = dy(n, p, q, c) / static_cast<T>(pixels_in_window(o, dx, p, q));
    each_in_window(o, dx, p, q, [&](int64_t i, int64_t j, int64_t) { dx(n, i, j, c) += share; });
  });
}

}  // namespace eqv::ref

namespace eqv::backend {

void pool2d_fwd(Stream&, const eqv_pool2d_params& p, const Tensor& x, const Tensor& y, const Tensor* index) {
  if (p.kind == EQV_POOL_MAX)
    ref::max_pool2d_fwd(p, V(x), V(y), U8(*index));
  else
    ref::mean_pool2d_fwd(p, V(x), V(y));
}
void pool2d_bwd(Stream&, const eqv_pool2d_params& p, const Tensor& dy, const Tensor* index, const Tensor& dx) {
  if (p.kind == EQV_POOL_MAX)
    ref::max_pool2d_bwd(p, V(dy), U8(*index), V(dx));
  else
    ref::mean_pool2d_bwd(p, V(dy), V(dx));
}

}  // namespace eqv::backend
