// Copies between any strides and floating dtypes: concat, split, transpose, broadcast and cast.
#include "common/device.h"
#include "common/walk.h"
#include "copy/copy_types.h"

namespace eqv::backend {

using namespace gpu;
using namespace dtype;

namespace {

// Neighbours that are copied at once where both tensors lie without gaps: 16 bytes of the wider type.
template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Together {
  T values[kCount];
};

bool aligned(const void* data) { return reinterpret_cast<uintptr_t>(data) % 16 == 0; }

template <class From, class To>
void run(Stream& stream, const Walk& w, const From* src, To* dst) {
  int64_t n = 1;
  for (int i = 0; i < w.rank; ++i) n *= w.shape[i];
  if (w.rank == 1 && w.from[0] == 1 && w.to[0] == 1 && aligned(src) && aligned(dst)) {
    constexpr int kCount = 16 / std::max(sizeof(From), sizeof(To));
    for_each(stream, "copy", ceil_div(n, kCount), EQV_LAMBDA(int64_t i) {
      const int64_t begin = i * kCount;
      if (begin + kCount > n) {
        for (int64_t at = begin; at < n; ++at) dst[at] = convert<From, To>(src[at]);
        return;
      }
      const auto from = *reinterpret_cast<const Together<From, kCount>*>(src + begin);
      Together<To, kCount> to;
      for (int k = 0; k < kCount; ++k) to.values[k] = convert<From, To>(from.values[k]);
      *reinterpret_cast<Together<To, kCount>*>(dst + begin) = to;
    });
    return;
  }
  for_each(stream, "copy", n, EQV_LAMBDA(int64_t i) {
    int64_t from = 0, to = 0, rest = i;
    for (int d = w.rank - 1; d >= 0; --d) {
      const int64_t index = rest % w.shape[d];
      rest /= w.shape[d];
      from += index * w.from[d];
      to += index * w.to[d];
    }
    dst[to] = convert<From, To>(src[from]);
  });
}

}  // namespace

void copy(Stream& stream, const Tensor& src, const Tensor& dst) {
  const Walk w = walk_of(src, dst);
  with_types(src, dst, [&](const auto* from, auto* to) { run(stream, w, from, to); });
}

}  // namespace eqv::backend
