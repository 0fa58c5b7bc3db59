// Copies between any strides and floating dtypes: concat, split, transpose, broadcast and cast.
#include <cstring>

#include "parallel.h"

namespace eqv::backend {

using namespace cpu;

namespace {

// A common walk over both tensors: dimensions of size 1 dropped and neighbours merged where both allow it.
struct Walk {
  int rank = 0;
  int64_t shape[EQV_MAX_RANK], from[EQV_MAX_RANK], to[EQV_MAX_RANK];  // strides of src and dst
};

Walk walk_of(const Tensor& src, const Tensor& dst) {
  Walk w;
  for (int i = 0; i < src.rank; ++i) {
    if (src.shape[i] == 1) continue;
    const int last = w.rank - 1;
    if (last >= 0 && w.from[last] == src.stride[i] * src.shape[i] && w.to[last] == dst.stride[i] * src.shape[i]) {
      w.shape[last] *= src.shape[i];
      w.from[last] = src.stride[i];
      w.to[last] = dst.stride[i];
    } else {
      w.shape[w.rank] = src.shape[i];
      w.from[w.rank] = src.stride[i];
      w.to[w.rank] = dst.stride[i];
      ++w.rank;
    }
  }
  if (w.rank == 0) {
    w.shape[0] = w.from[0] = w.to[0] = 1;
    w.rank = 1;
  }
  return w;
}

struct Bf16 {
  uint16_t bits;
};
struct F16 {
  uint16_t bits;
};

float widen(float v) { return v; }
float widen(Bf16 v) { return __builtin_bit_cast(float, static_cast<uint32_t>(v.bits) << 16); }

float widen(F16 v) {
  const uint32_t sign = static_cast<uint32_t>(v.bits & 0x8000u) << 16, magnitude = v.bits & 0x7fffu;
  if (magnitude >= 0x7c00u)  // infinity, NaN
    return __builtin_bit_cast(float, sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  if (magnitude < 0x400u) {  // zero, subnormal: an integer times 2^-24
    const float value = static_cast<float>(magnitude) * 0x1p-24f;
    return sign ? -value : value;
  }
  return __builtin_bit_cast(float, sign | ((magnitude << 13) + (112u << 23)));
}

template <class To>
To narrow(float v);
template <>
float narrow<float>(float v) {
  return v;
}
template <>
double narrow<double>(float v) {
  return v;
}
template <>
Bf16 narrow<Bf16>(float v) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, v);
  if (v != v) return {static_cast<uint16_t>((bits >> 16) | 0x40u)};  // stays NaN
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}
template <>
F16 narrow<F16>(float v) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, v);
  const uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  } else if (magnitude >= 0x47800000u) {  // 65536 and more
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // below 2^-14: adding 1/2 rounds to multiples of 2^-24
    half = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, magnitude) + 0.5f) - 0x3f000000u;
  } else {
    half = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  }
  return {static_cast<uint16_t>(sign | half)};
}

template <class From, class To>
To convert(From v) {
  if constexpr (std::is_same_v<From, To>) {
    return v;
  } else if constexpr (std::is_same_v<From, double>) {
    return narrow<To>(static_cast<float>(v));
  } else {
    return narrow<To>(widen(v));
  }
}

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
  parallel_for(stream, lines, std::max<int64_t>(1, 32768 / inner), [&](int64_t begin, int64_t end) {
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

template <class From>
void run_from(Stream& stream, const Walk& w, const Tensor& src, const Tensor& dst) {
  const auto* s = static_cast<const From*>(src.data);
  switch (dst.dtype) {
    case EQV_F32: return run(stream, w, s, static_cast<float*>(dst.data));
    case EQV_F64: return run(stream, w, s, static_cast<double*>(dst.data));
    case EQV_BF16: return run(stream, w, s, static_cast<Bf16*>(dst.data));
    default: return run(stream, w, s, static_cast<F16*>(dst.data));
  }
}

}  // namespace

void copy(Stream& stream, const Tensor& src, const Tensor& dst) {
  const Walk w = walk_of(src, dst);
  switch (src.dtype) {
    case EQV_F32: return run_from<float>(stream, w, src, dst);
    case EQV_F64: return run_from<double>(stream, w, src, dst);
    case EQV_BF16: return run_from<Bf16>(stream, w, src, dst);
    default: return run_from<F16>(stream, w, src, dst);
  }
}

}  // namespace eqv::backend
