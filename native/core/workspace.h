// Scratch memory of one call, in parts.
#pragma once

#include "backend.h"
#include "common/host_device.h"

namespace eqv {

// Hands out parts of the stream's scratch arena that begin at multiples of kAlignment bytes. Ask for the whole size first:
//   Workspace w(stream, Workspace::bytes<double>(n) + Workspace::bytes<float>(m));
template <int64_t kAlignment>
class AlignedWorkspace {
 public:
  AlignedWorkspace(Stream& stream, int64_t bytes) : next_(static_cast<char*>(scratch(stream, bytes))) {}

  template <class T>
  static int64_t bytes(int64_t count) {
    return ceil_div(count * static_cast<int64_t>(sizeof(T)), kAlignment) * kAlignment;
  }

  template <class T>
  T* take(int64_t count) {
    T* part = reinterpret_cast<T*>(next_);
    next_ += bytes<T>(count);
    return part;
  }

 private:
  char* next_;
};

}  // namespace eqv
