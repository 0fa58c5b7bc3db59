// Activations in memory, fp32 or bf16, as the fp32 values kernels compute with.
#pragma once

#include <initializer_list>

#include "common/device.h"
#include "common/dtype.h"
#include "common/pairs.h"

namespace eqv::gpu {

constexpr int kVector = 8;  // values that are read and written at once where memory allows

// The branch on the dtype is the same for all threads of a launch.
class Values {
 public:
  Values() = default;
  explicit Values(const Tensor& t) : data_(t.data), bf16_(t.dtype == EQV_BF16) {}

  __host__ __device__ explicit operator bool() const { return data_ != nullptr; }

  __device__ float operator[](int64_t i) const {
    return bf16_ ? dtype::widen(static_cast<const dtype::Bf16*>(data_)[i]) : static_cast<const float*>(data_)[i];
  }
  // Rounds to nearest even.
  __device__ void set(int64_t i, float value) const {
    if (bf16_) static_cast<dtype::Bf16*>(data_)[i] = dtype::narrow<dtype::Bf16>(value);
    else static_cast<float*>(data_)[i] = value;
  }
  // kWide values from element i on; 8 of them must begin at a multiple of 16 bytes (see in_vectors).
  template <int kWide>
  __device__ void load(int64_t i, float (&v)[kWide]) const {
    if constexpr (kWide == 1) {
      v[0] = (*this)[i];
    } else {
      static_assert(kWide == kVector);
      if (bf16_) {
        const Packed<dtype::Bf16> p = *reinterpret_cast<const Packed<dtype::Bf16>*>(static_cast<const dtype::Bf16*>(data_) + i);
        for (int k = 0; k < kWide; ++k) v[k] = dtype::widen(p.values[k]);
      } else {
        const Packed<float> p = *reinterpret_cast<const Packed<float>*>(static_cast<const float*>(data_) + i);
        for (int k = 0; k < kWide; ++k) v[k] = p.values[k];
      }
    }
  }
  template <int kWide>
  __device__ void store(int64_t i, const float (&v)[kWide]) const {
    if constexpr (kWide == 1) {
      set(i, v[0]);
    } else {
      static_assert(kWide == kVector);
      if (bf16_) {
        store_vector(static_cast<dtype::Bf16*>(data_) + i, v);
      } else {
        Packed<float> p;
        for (int k = 0; k < kWide; ++k) p.values[k] = v[k];
        *reinterpret_cast<Packed<float>*>(static_cast<float*>(data_) + i) = p;
      }
    }
  }
  // The same memory from element i on.
  __device__ Values from(int64_t i) const {
    Values v = *this;
    v.data_ = bf16_ ? static_cast<void*>(static_cast<dtype::Bf16*>(data_) + i)
                    : static_cast<void*>(static_cast<float*>(data_) + i);
    return v;
  }

 private:
  template <class T>
  struct alignas(16) Packed {
    T values[kVector];
  };

  void* data_ = nullptr;
  bool bf16_ = false;
};

inline Values values(const Tensor& t) { return Values(t); }
inline Values values(const Tensor* t) { return t ? Values(*t) : Values(); }

// Whether the tensors' values can be read and written 8 at a time from their first on.
inline bool in_vectors(std::initializer_list<const Tensor*> tensors) {
  for (const Tensor* t : tensors)
    if (reinterpret_cast<uintptr_t>(t->data) % 16) return false;
  return true;
}
// The same for rows of `channels` values.
inline bool in_vectors(int64_t channels, std::initializer_list<const Tensor*> tensors) {
  return channels % kVector == 0 && in_vectors(tensors);
}

}  // namespace eqv::gpu
