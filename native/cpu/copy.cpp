// Copies between any strides and floating dtypes: concat, split, transpose, broadcast and cast.
#include <cstring>

#include "common/walk.h"
#include "copy/copy_types.h"
#include "parallel.h"

namespace eqv::backend {

using namespace cpu;
using namespace dtype;

namespace {

template <class From, class To>
void run(Stream& stream, const Walk& w, const From* src, To* dst) {
  const int64_t inner = w.shape[w.rank - 1], from = w.from[w.rank - 1], to = w.to[w.rank - 1];
  const bool plain = std::is_same_v<From, To> && from == 1 && to == 1;
  const auto line = [&](const From* s, To* d, int64_t n) {
    if (plain) {
      std::memcpy(static_cast<void*>(d), s, static_cast<size_t>(n) * sizeof(To));
    } else if (from == 1 && to == 1) {
      for (int64_t i = 0; i < n; ++i) d[i] = convert<From, To>(s[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) d[i * to] = convert<From, To>(s[i * from]);
    }
  };
  if (w.rank == 1) {
    parallel_elements(stream, inner, [&](int64_t begin, int64_t end) {
      line(src + begin * from, dst + begin * to, end - begin);
    });
    return;
  }
  int64_t lines = 1;
  for (int i = 0; i + 1 < w.rank; ++i) lines *= w.shape[i];
  parallel_for(stream, lines, grain(inner, Cost::kCopy), [&](int64_t begin, int64_t end) {
    int64_t index[EQV_MAX_RANK] = {};
    int64_t s = 0, d = 0;
    for (int i = w.rank - 2; i >= 0; --i) {
      int64_t below = 1;
      for (int k = i + 1; k + 1 < w.rank; ++k) below *= w.shape[k];
      index[i] = begin / below % w.shape[i];
      s += index[i] * w.from[i];
      d += index[i] * w.to[i];
    }
    for (int64_t l = begin; l < end; ++l) {
      line(src + s, dst + d, inner);
      for (int i = w.rank - 2; i >= 0; --i) {
        s += w.from[i];
        d += w.to[i];
        if (++index[i] < w.shape[i]) break;
        s -= w.from[i] * w.shape[i];
        d -= w.to[i] * w.shape[i];
        index[i] = 0;
      }
    }
  });
}

}  // namespace

void copy(Stream& stream, const Tensor& src, const Tensor& dst) {
  const Walk w = walk_of(src, dst);
  with_types(src, dst, [&](const auto* from, auto* to) { run(stream, w, from, to); });
}

}  // namespace eqv::backend
