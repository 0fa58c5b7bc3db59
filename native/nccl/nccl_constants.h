// What nccl.h has as macros.
#pragma once

#include <climits>

namespace eqv {

constexpr unsigned kNcclMagic = 0xcafebeef;
constexpr int kNcclUndefined = INT_MIN;
constexpr int kNcclOldest = 21801;  // 2.18.1: from there on communicators that never block can be relied on

}  // namespace eqv
