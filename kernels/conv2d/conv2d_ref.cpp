// conv2d: y[n,p,q,o] = bias[o] + sum over r,s,i of x[n, p·stride + r − top, q·stride + s − left, i] · w[o,i,r,s]
// y = activation(y + residual) after it, if asked (conv2d_epilogue).
// Backward: each partial derivative is the same product, summed over the other indices. PyTorch: F.conv2d after F.pad.
#include "activation/activation_ref.h"
#include "common/ref_backend.h"
#include "group_norm/group_norm_ref.h"

namespace eqv::ref {

template <class T>
void conv2d_fwd(const eqv_conv2d_params& p, View<T> x, View<T> w, const T* bias, View<T> y) {
  for (int64_t n = 0; n < y.n0; ++n)
    for (int64_t h = 0; h < y.n1; ++h)
      for (int64_t v = 0; v < y.n2; ++v)
        for (int64_t o = 0; o < y.n3; ++o) {
          T sum = bias ? bias[o] : T(0);
          for (int64_t r = 0; r < w.n2; ++r)
            for (int64_t s = 0; s < w.n3; ++s) {
              const int64_t i = h * p.stride + r - p.pad_top, j = v * p.stride + s - p.pad_left;
              if (i < 0 || i >= x.n1 || j < 0 || j >= x.n2) continue;
              for (int64_t c = 0; c < x.n3; ++c) sum += x(n, i, j, c) * w(o, c, r, s);
            }
          y(n, h, v, o) = sum;
        }
}

// dx[n,i,j,c] = bias[c] + sum over the outputs whose window covers (i, j)
template <class T>
void conv2d_bwd_input(const eqv_conv2d_params& p, View<T> dy, View<T> w, const T* bias, View<T> dx) {
  for (int64_t n = 0; n < dx.n0; ++n)
    for (int64_t i = 0; i < dx.n1; ++i)
      for (int64_t j = 0; j < dx.n2; ++j)
        for (int64_t c = 0; c < dx.n3; ++c) {
          T sum = bias ? bias[c] : T(0);
          for (int64_t r = 0; r < w.n2; ++r)
            for (int64_t s = 0; s < w.n3; ++s) {
              const int64_t a = i + p.pad_top - r, b = j + p.pad_left - s;
              if (a < 0 || b < 0 || a % p.stride || b % p.stride) continue;
              const int64_t h = a / p.stride, v = b / p.stride;
              if (h >= dy.n1 || v >= dy.n2) continue;
              for (int64_t o = 0; o < dy.n3; ++o) sum += dy(n, h, v, o) * w(o, c, r, s);
            }
          dx(n, i, j, c) = sum;
        }
}

template <class T>
void conv2d_epilogue(const eqv_conv2d_params& p, const T* residual, View<T> y) {
  const eqv_activation_params activation{sizeof activation, p.activation, p.slope};
  for (int64_t i = 0; i < y.size(); ++i) {
    if (residual) y[i] += residual[i];
    y[i] = activate(activation, y[i]);
  }
}

template <class T>
void conv2d_bwd_weight(const eqv_conv2d_params& p, View<T> x, View<T> dy, View<T> dw, T* dbias) {
  for (int64_t o = 0; o < dw.n0; ++o)
    for (int64_t c = 0; c < dw.n1; ++c)
      for (int64_t r = 0; r < dw.n2; ++r)
        for (int64_t s = 0; s < dw.n3; ++s) {
          T sum = 0;
          for (int64_t n = 0; n < dy.n0; ++n)
            for (int64_t h = 0; h < dy.n1; ++h)
              for (int64_t v = 0; v < dy.n2; ++v) {
                const int64_t i = h * p.stride + r - p.pad_top, j = v * p.stride + s - p.pad_left;
                if (i >= 0 && i < x.n1 && j >= 0 && j < x.n2) sum += x(n, i, j, c) * dy(n, h, v, o);
              }
          dw(o, c, r, s) = sum;
        }
  if (!dbias) return;
  for (int64_t o = 0; o < dy.n3; ++o) {
    T sum = 0;
    for (int64_t i = o; i < dy.size(); i += dy.n3) sum += dy[i];
    dbias[o] = sum;
  }
}

}  // namespace eqv::ref

namespace eqv::backend {

namespace {

void end(const eqv_conv2d_params& p, const Tensor* residual, const Tensor& y, const Tensor* stats) {
  ref::conv2d_epilogue(p, data(residual), V(y));
  if (stats) ref::group_statistics(p.groups, p.eps, V(y), V(*stats));
}

}  // namespace

void conv2d_fwd(Stream&, const eqv_conv2d_params& p, const Tensor& x, const Tensor& w, const Tensor*,
                const Tensor* bias, const Tensor* residual, const Tensor& y, const Tensor* stats) {
  ref::conv2d_fwd(p, V(x), V(w), data(bias), V(y));
  end(p, residual, y, stats);
}
void conv2d_bwd_input(Stream&, const eqv_conv2d_params& p, const Tensor& dy, const Tensor& w, const Tensor*,
                      const Tensor* bias, const Tensor* residual, const Tensor& dx, const Tensor* stats) {
  ref::conv2d_bwd_input(p, V(dy), V(w), data(bias), V(dx));
  end(p, residual, dx, stats);
}
void conv2d_bwd_weight(Stream&, const eqv_conv2d_params& p, const Tensor& x, const Tensor& dy, const Tensor& dw,
                       const Tensor* dbias) {
  ref::conv2d_bwd_weight(p, V(x), V(dy), V(dw), data(dbias));
}

}  // namespace eqv::backend
