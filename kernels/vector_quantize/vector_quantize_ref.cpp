// vector_quantize: index[n] = argmin over k of |e_k|² − 2 z_n·e_k, which is |z_n − e_k|² without |z_n|², which all codes
// share; zq[n] = e_index[n]. Among equal codes the lowest index wins; a NaN wins over all, as in torch.argmin. Backward: a code's
// gradient is the sum over the vectors whose nearest code it was. Source: VectorQuantizer2 in CompVis/taming-transformers,
// taming/modules/vqvae/quantize.py.
#include <cmath>
#include <limits>

#include "common/ref_backend.h"

namespace eqv::ref {

template <class T>
void vector_quantize_fwd(View<T> z, View<T> codebook, View<int32_t> index, View<T> zq) {
  for (int64_t n = 0; n < z.n2; ++n) {
    T best = std::numeric_limits<T>::infinity();
    int32_t nearest = 0;
    for (int64_t k = 0; k < codebook.n2; ++k) {
      T score = 0;
      for (int64_t d = 0; d < z.n3; ++d) score += codebook(k, d) * codebook(k, d) - 2 * z(n, d) * codebook(k, d);
      if (std::isnan(score)) score = -std::numeric_limits<T>::infinity();
      if (score < best) best = score, nearest = static_cast<int32_t>(k);
    }
    index[n] = nearest;
    for (int64_t d = 0; d < z.n3; ++d) zq(n, d) = codebook(nearest, d);
  }
}

template <class T>
void vector_quantize_bwd(View<T> dzq, View<int32_t> index, View<T> dcodebook) {
  for (int64_t k = 0; k < dcodebook.n2; ++k)
    for (int64_t d = 0; d < dcodebook.n3; ++d) {
      T sum = 0;
      for (int64_t n = 0; n < dzq.n2; ++n) sum += index[n] == k ? dzq(n, d) : T(0);
      dcodebook(k, d) = sum;
    }
}

}  // namespace eqv::ref

namespace eqv::backend {

void vector_quantize_fwd(Stream&, const Tensor& z, const Tensor& codebook, const Tensor& index, const Tensor& zq) {
  const int64_t d = codebook.shape[1];
  ref::vector_quantize_fwd(V(rows(z, d)), V(codebook), I32(index), V(rows(zq, d)));
}
void vector_quantize_bwd(Stream&, const Tensor& dzq, const Tensor& index, const Tensor& dcodebook) {
  ref::vector_quantize_bwd(V(rows(dzq, dcodebook.shape[1])), I32(index), V(dcodebook));
}

}  // namespace eqv::backend
