#include "status.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace eqv {
namespace {
// Fixed storage: reporting a failure must not itself allocate.
thread_local char last_error[2048];
}  // namespace

Error error(eqv_status status, const char* format, ...) {
  char text[sizeof last_error];
  va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return {status, text};
}

eqv_status fail(eqv_status status, const char* text) noexcept {
  std::snprintf(last_error, sizeof last_error, "%s", text);
  return status;
}

}  // namespace eqv

extern "C" int64_t eqv_last_error(char* buffer, int64_t cap) {
  const auto length = static_cast<int64_t>(std::strlen(eqv::last_error));
  if (buffer && cap > 0) {
    const int64_t n = std::min(length, cap - 1);
    std::memcpy(buffer, eqv::last_error, static_cast<size_t>(n));
    buffer[n] = 0;
  }
  return length;
}
