// What of a GPU is used: how many of its multiprocessors, the kernels of which architecture, and which of these.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace eqv {

// `has`, or what the variable says if that is less.
inline int32_t at_most(const char* variable, int32_t has) {
  const char* text = std::getenv(variable);
  const long most = text ? std::strtol(text, nullptr, 10) : 0;
  return most > 0 && most < has ? static_cast<int32_t>(most) : has;
}

// With EQV_MULTIPROCESSORS=4 kernels whose blocks go on with another tile when one is done get many tiles per block; and two
// processes can share a GPU.
inline int32_t bounded_multiprocessors(int32_t has) { return at_most("EQV_MULTIPROCESSORS", has); }

// With EQV_ARCHITECTURE=80 newer GPUs run the kernels of sm_80, too: so both families can be compared on one GPU.
inline int32_t bounded_architecture(int32_t has) {
  const int32_t wanted = at_most("EQV_ARCHITECTURE", has);
  return wanted < 80 ? has : wanted;
}

// With EQV_CONV_SLABS=0 the convolutions of sm_90a load the pixels of every tap: so both ways can be compared on one GPU.
inline bool slabs_wanted() {
  static const bool wanted = [] {
    const char* text = std::getenv("EQV_CONV_SLABS");
    return !text || std::strcmp(text, "0") != 0;
  }();
  return wanted;
}

}  // namespace eqv
