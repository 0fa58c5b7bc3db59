// self_attention: attention (attention_ref.h) whose queries, keys and values lie together, qkv{N, T, 3·C} = q | k | v.
// PyTorch: q, k, v = qkv.chunk(3, -1), heads split off each; F.scaled_dot_product_attention.
#include <vector>

#include "attention/attention_ref.h"
#include "attention/weight_dropout.h"
#include "common/ref_backend.h"

namespace eqv::ref {

// One of the three parts of qkv{N, T, 3·C} in memory of its own; put() brings it back.
template <class T>
class QkvPart {
 public:
  QkvPart(View<T> qkv, int part) : qkv_(qkv), part_(part), width_(qkv.n3 / 3), values_(qkv.size() / 3) {
    each([&](T& whole, T& own) { own = whole; });
  }
  View<T> view() {
    eqv_tensor t{values_.data(), {qkv_.n1, qkv_.n2, width_}, {qkv_.n2 * width_, width_, 1}, 3, 0};
    return View<T>(t);
  }
  void put() {
    each([&](T& whole, T& own) { whole = own; });
  }

 private:
  template <class F>
  void each(F f) {
    for (int64_t row = 0; row < qkv_.n1 * qkv_.n2; ++row)
      for (int64_t c = 0; c < width_; ++c) f(qkv_[row * 3 * width_ + part_ * width_ + c], values_[row * width_ + c]);
  }

  View<T> qkv_;
  int64_t part_, width_;
  std::vector<T> values_;
};

// 0 for a weight that is dropped, 1/(1 − rate) for the others.
struct KeptWeights {
  WeightDropout dropout;
  KeptWeights(const eqv_self_attention_params& p, const double* counter, int64_t keys) : dropout(p, keys) {
    dropout.count(counter);
  }
  double operator()(int64_t row, int64_t key) const {
    const bool kept = dropout.first_kept == 0 || (dropout.kept(row, key / 4) >> key % 4 & 1);
    return kept ? dropout.factor : 0;
  }
};

template <class T>
void self_attention_fwd(const eqv_self_attention_params& p, const double* counter, View<T> qkv, View<T> o, View<T> lse) {
  QkvPart<T> q(qkv, 0), k(qkv, 1), v(qkv, 2);
  attention_fwd(p, q.view(), k.view(), v.view(), o, lse, KeptWeights(p, counter, qkv.n2));
}

template <class T>
void self_attention_bwd(const eqv_self_attention_params& p, const double* counter, View<T> d_o, View<T> qkv, View<T> o,
                        View<T> lse, View<T> dqkv) {
  QkvPart<T> q(qkv, 0), k(qkv, 1), v(qkv, 2), dq(dqkv, 0), dk(dqkv, 1), dv(dqkv, 2);
  attention_bwd(p, d_o, q.view(), k.view(), v.view(), o, lse, dq.view(), dk.view(), dv.view(),
                KeptWeights(p, counter, qkv.n2));
  dq.put();
  dk.put();
  dv.put();
}

}  // namespace eqv::ref

namespace eqv::backend {

void self_attention_fwd(Stream&, const eqv_self_attention_params& p, const Tensor* counter, const Tensor& qkv,
                        const Tensor& o, const Tensor& lse) {
  ref::self_attention_fwd(p, counter ? data(*counter) : nullptr, V(qkv), V(o), V(lse));
}
void self_attention_bwd(Stream&, const eqv_self_attention_params& p, const Tensor* counter, const Tensor& d_o,
                        const Tensor& qkv, const Tensor& o, const Tensor& lse, const Tensor& dqkv) {
  ref::self_attention_bwd(p, counter ? data(*counter) : nullptr, V(d_o), V(qkv), V(o), V(lse), V(dqkv));
}

}  // namespace eqv::backend
