// group_norm: per sample and group of channels, x̂ = (x − mean)·rstd, u = x̂·gamma + beta, y = u or silu(u).
// Backward with du = dy (times silu'(u)), g = du·gamma, m = elements of the group:
//   dx = rstd·(g − mean(g) − x̂·mean(g·x̂)), and the residual,  dgamma = Σ du·x̂,  dbeta = Σ du.
// PyTorch: F.group_norm (and F.silu); the variance is biased.
#pragma once

#include <cmath>

#include "activation/activation_ref.h"

namespace eqv::ref {

template <class T>
void group_statistics(int64_t groups, double eps, View<T> x, View<T> stats) {
  const int64_t per = x.n3 / groups;
  const T m = static_cast<T>(x.n1 * x.n2 * per);
  for (int64_t n = 0; n < x.n0; ++n)
    for (int64_t g = 0; g < groups; ++g) {
      const auto each = [&](auto f) {
        for (int64_t i = 0; i < x.n1; ++i)
          for (int64_t j = 0; j < x.n2; ++j)
            for (int64_t c = g * per; c < (g + 1) * per; ++c) f(i, j, c);
      };
      T mean = 0, var = 0;
      each([&](int64_t i, int64_t j, int64_t c) { mean += x(n, i, j, c) / m; });
      each([&](int64_t i, int64_t j, int64_t c) { var += (x(n, i, j, c) - mean) * (x(n, i, j, c) - mean) / m; });
      stats(n, g, 0) = mean;
      stats(n, g, 1) = 1 / std::sqrt(var + static_cast<T>(eps));
    }
}

template <class T>
void group_norm_fwd(const eqv_group_norm_params& p, View<T> x, const T* gamma, const T* beta, View<T> y, View<T> stats) {
  if (!p.stats_given) group_statistics(p.groups, p.eps, x, stats);
  const int64_t per = x.n3 / p.groups;
  for (int64_t n = 0; n < x.n0; ++n)
    for (int64_t i = 0; i < x.n1; ++i)
      for (int64_t j = 0; j < x.n2; ++j)
        for (int64_t c = 0; c < x.n3; ++c) {
          const T u = (x(n, i, j, c) - stats(n, c / per, 0)) * stats(n, c / per, 1) * gamma[c] + beta[c];
          y(n, i, j, c) = p.silu ? u * sigmoid(u) : u;
        }
}

template <class T>
void group_norm_bwd(const eqv_group_norm_params& p, View<T> dy, View<T> x, const T* gamma, const T* beta,
                    View<T> stats, const T* residual, View<T> dx, T* dgamma, T* dbeta) {
  const int64_t per = x.n3 / p.groups;
  const T m = static_cast<T>(x.n1 * x.n2 * per);
  for (int64_t c = 0; c < x.n3; ++c) dgamma[c] = dbeta[c] = 0;
  for (int64_t n = 0; n < x.n0; ++n)
    for (int64_t g = 0; g < p.groups; ++g) {
      const T mean = stats(n, g, 0), rstd = stats(n, g, 1);
      const auto each = [&](auto f) {
        for (int64_t i = 0; i < x.n1; ++i)
          for (int64_t j = 0; j < x.n2; ++j)
            for (int64_t c = g * per; c < (g + 1) * per; ++c) {
              const T hat = (x(n, i, j, c) - mean) * rstd;
              const T du = dy(n, i, j, c) * (p.silu ? silu_derivative(hat * gamma[c] + beta[c]) : T(1));
              f(i, j, c, hat, du);
            }
      };
      T mean_g = 0, mean_gx = 0;
      each([&](int64_t, int64_t, int64_t c, T hat, T du) {
        dgamma[c] += du * hat;
        dbeta[c] += du;
        mean_g += du * gamma[c] / m;
        mean_gx += du * gamma[c] * hat / m;
      });
      each([&](int64_t i, int64_t j, int64_t c, T hat, T du) {
        const T own = rstd * (du * gamma[c] - mean_g - hat * mean_gx);
        dx(n, i, j, c) = residual ? own + residual[((n * x.n1 + i) * x.n2 + j) * x.n3 + c] : own;
      });
    }
}

}  // namespace eqv::ref
