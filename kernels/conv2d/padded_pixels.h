// Pixels as tensor cores read them: in vectors of 16 bytes. Where a pixel's channels are no whole number of these, a copy padded
// with zeros is made.
#pragma once

#include "common/device.h"
#include "common/mma_gemm.h"

namespace eqv::gpu {

template <class T>
int padded(int channels) {
  constexpr int kUnit = Factors<T>::kVector;
  return (channels + kUnit - 1) / kUnit * kUnit;
}

// An image batch whose channels are a whole number of vectors.
template <class T>
struct Pixels {
  const T* data;
  int h, w, c;
};

template <class T>
bool needs_copy(const Tensor& t) {
  return t.shape[3] % Factors<T>::kVector != 0 || reinterpret_cast<uintptr_t>(t.data) % 16 != 0;
}

template <class T>
int64_t pixels_bytes(const Tensor& t) {
  const int64_t c = t.shape[3];
  return needs_copy<T>(t) ? Workspace::bytes<T>(elements(t) / c * padded<T>(static_cast<int>(c))) : 0;
}

template <class T>
Pixels<T> pixels_of(Stream& stream, Workspace& workspace, const Tensor& t) {
  const int c = static_cast<int>(t.shape[3]), wide = padded<T>(c);
  const auto* from = static_cast<const T*>(t.data);
  Pixels<T> pixels{from, static_cast<int>(t.shape[1]), static_cast<int>(t.shape[2]), wide};
  if (needs_copy<T>(t)) {
    const int64_t n = elements(t) / c * wide;
    T* to = workspace.take<T>(n);
    for_each(stream, "conv2d_pad", n, EQV_LAMBDA(int64_t i) {
      to[i] = i % wide < c ? from[i / wide * c + i % wide] : T{0};
    });
    pixels.data = to;
  }
  return pixels;
}

}  // namespace eqv::gpu
