// resample = flip ∘ rotate ∘ resize. Resizing is separable: a sparse matrix per axis (axis_weights.h). Rotation by k
// quarter turns clockwise: k = 1 gives out[i][j] = in[H − 1 − j][i]. PyTorch: F.interpolate, rot90(k, dims=[-1, -2]), flip.
// The adjoint undoes the permutation and applies the transposed matrices.
#include <utility>
#include <vector>

#include "common/ref_backend.h"
#include "resample/axis_weights.h"

namespace eqv::ref {

// Where pixel (i, j) of the result comes from in the resized image of h × w pixels.
inline std::pair<int64_t, int64_t> resample_source(const eqv_resample_params& p, int64_t h, int64_t w, int64_t rows,
                                                   int64_t columns, int64_t i, int64_t j) {
  if (p.flip_vertical) i = rows - 1 - i;
  if (p.flip_horizontal) j = columns - 1 - j;
  switch (p.quarter_turns) {
    case 1: return {h - 1 - j, i};
    case 2: return {h - 1 - i, w - 1 - j};
    case 3: return {j, w - 1 - i};
    default: return {i, j};
  }
}

// The weights of one axis as a dense matrix, [out][in].
inline std::vector<std::vector<double>> axis_matrix(const eqv_resample_params& p, int64_t in, int64_t out) {
  const resample::Axis axis{in, out, static_cast<resample::Filter>(p.interpolation)};
  std::vector<double> taps(static_cast<size_t>(resample::max_taps(axis)) + 2);
  std::vector<std::vector<double>> matrix(out, std::vector<double>(in, 0.0));
  for (int64_t d = 0; d < out; ++d) {
    int64_t first;
    const int64_t count = resample::taps_of(axis, d, first, taps.data());
    for (int64_t k = 0; k < count; ++k) matrix[d][first + k] += taps[k];
  }
  return matrix;
}

template <class T>
void resample_fwd(const eqv_resample_params& p, View<T> x, View<T> y) {
  const bool turned = p.quarter_turns % 2;
  const int64_t h = turned ? y.n2 : y.n1, w = turned ? y.n1 : y.n2;
  const auto rows = axis_matrix(p, x.n1, h), columns = axis_matrix(p, x.n2, w);
  for (int64_t n = 0; n < y.n0; ++n)
    for (int64_t i = 0; i < y.n1; ++i)
      for (int64_t j = 0; j < y.n2; ++j) {
        const auto [a, b] = resample_source(p, h, w, y.n1, y.n2, i, j);
        for (int64_t c = 0; c < y.n3; ++c) {
          T sum = 0;
          for (int64_t r = 0; r < x.n1; ++r)
            for (int64_t s = 0; s < x.n2; ++s)
              if (rows[a][r] != 0 && columns[b][s] != 0)
                sum += static_cast<T>(rows[a][r] * columns[b][s]) * x(n, r, s, c);
          y(n, i, j, c) = sum;
        }
      }
}

template <class T>
void resample_bwd(const eqv_resample_params& p, View<T> dy, View<T> dx) {
  const bool turned = p.quarter_turns % 2;
  const int64_t h = turned ? dy.n2 : dy.n1, w = turned ? dy.n1 : dy.n2;
  const auto rows = axis_matrix(p, dx.n1, h), columns = axis_matrix(p, dx.n2, w);
  for (int64_t n = 0; n < dx.n0; ++n)
    for (int64_t r = 0; r < dx.n1; ++r)
      for (int64_t s = 0; s < dx.n2; ++s)
        for (int64_t c = 0; c < dx.n3; ++c) {
          T sum = 0;
          for (int64_t i = 0; i < dy.n1; ++i)
            for (int64_t j = 0; j < dy.n2; ++j) {
              const auto [a, b] = resample_source(p, h, w, dy.n1, dy.n2, i, j);
              if (rows[a][r] != 0 && columns[b][s] != 0)
                sum += static_cast<T>(rows[a][r] * columns[b][s]) * dy(n, i, j, c);
            }
          dx(n, r, s, c) = sum;
        }
}

}  // namespace eqv::ref

namespace eqv::backend {

void resample_fwd(Stream&, const eqv_resample_params& p, const Tensor& x, const Tensor& y) {
  ref::resample_fwd(p, V(x), V(y));
}
void resample_bwd(Stream&, const eqv_resample_params& p, const Tensor& dy, const Tensor& dx) {
  ref::resample_bwd(p, V(dy), V(dx));
}

}  // namespace eqv::backend
