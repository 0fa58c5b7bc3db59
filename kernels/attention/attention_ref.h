// attention, per sample and head: s = scale·q·kᵀ, p = softmax(s), o = p·v, lse = log Σ exp(s).
// Backward with D = Σ do·o: dv = pᵀ·do, ds = p∘(do·vᵀ − D), dq = scale·ds·k, dk = scale·dsᵀ·q.
// With dropout, a weight counts m times in o, m = 1/(1 − rate) or 0: o = (m∘p)·v, dv = (m∘p)ᵀ·do, ds = p∘(m∘(do·vᵀ) − D).
// PyTorch: F.scaled_dot_product_attention.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/ref_view.h"

namespace eqv::ref {

// How often the weight of a key counts in a row (sample·heads + head)·queries + query: once.
struct EveryWeight {
  double operator()(int64_t, int64_t) const { return 1; }
};

template <class T, class P, class Weights = EveryWeight>
void attention_fwd(const P& p, View<T> q, View<T> k, View<T> v, View<T> o, View<T> lse, Weights times = {}) {
  const int64_t batch = q.n1, tokens = q.n2, keys = k.n2, dim = q.n3 / p.heads;
  std::vector<T> s(static_cast<size_t>(keys));
  for (int64_t n = 0; n < batch; ++n)
    for (int64_t h = 0; h < p.heads; ++h)
      for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t j = 0; j < keys; ++j) {
          T dot = 0;
          for (int64_t d = h * dim; d < (h + 1) * dim; ++d) dot += q(n, t, d) * k(n, j, d);
          s[j] = static_cast<T>(p.scale) * dot;
        }
        const T top = *std::max_element(s.begin(), s.end());
        T total = 0;
        for (T value : s) total += std::exp(value - top);
        lse(n, h, t) = top + std::log(total);
        for (int64_t j = 0; j < keys; ++j)
          s[j] = std::exp(s[j] - lse(n, h, t)) * static_cast<T>(times((n * p.heads + h) * tokens + t, j));
        for (int64_t d = h * dim; d < (h + 1) * dim; ++d) {
          T sum = 0;
          for (int64_t j = 0; j < keys; ++j) sum += s[j] * v(n, j, d);
          o(n, t, d) = sum;
        }
      }
}

template <class T, class P, class Weights = EveryWeight>
void attention_bwd(const P& p, View<T> d_o, View<T> q, View<T> k, View<T> v, View<T> o, View<T> lse, View<T> dq,
                   View<T> dk, View<T> dv, Weights times = {}) {
  const int64_t batch = q.n1, tokens = q.n2, keys = k.n2, dim = q.n3 / p.heads;
  std::fill(dq.data, dq.data + dq.size(), T(0));
  std::fill(dk.data, dk.data + dk.size(), T(0));
  std::fill(dv.data, dv.data + dv.size(), T(0));
  const T scale = static_cast<T>(p.scale);
  for (int64_t n = 0; n < batch; ++n)
    for (int64_t h = 0; h < p.heads; ++h)
      for (int64_t t = 0; t < tokens; ++t) {
        const int64_t first = h * dim, last = first + dim;
        T delta = 0;
        for (int64_t d = first; d < last; ++d) delta += d_o(n, t, d) * o(n, t, d);
        for (int64_t j = 0; j < keys; ++j) {
          T dot = 0, dp = 0;
          for (int64_t d = first; d < last; ++d) {
            dot += q(n, t, d) * k(n, j, d);
            dp += d_o(n, t, d) * v(n, j, d);
          }
          const T prob = std::exp(scale * dot - lse(n, h, t));
          const T m = static_cast<T>(times((n * p.heads + h) * tokens + t, j));
          const T ds = prob * (m * dp - delta) * scale;
          for (int64_t d = first; d < last; ++d) {
            dq(n, t, d) += ds * k(n, j, d);
            dk(n, j, d) += ds * q(n, t, d);
            dv(n, j, d) += m * prob * d_o(n, t, d);
          }
        }
      }
}

}  // namespace eqv::ref
