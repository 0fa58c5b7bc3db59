#include "status.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace eqv {
namespace {
constexpr size_t kLongest = 2048;
constexpr const char* kNoMemory = "out of memory, also for the report of what failed";

// What failed last in this thread. Not in the thread's static memory, of which libraries that are loaded late get only little.
class LastError {
 public:
  ~LastError() { std::free(text_); }

  void set(const char* text) {
    if (!text_) text_ = static_cast<char*>(std::malloc(kLongest));
    if (text_) std::snprintf(text_, kLongest, "%s", text);
    failed_ = !text_;
  }

  const char* get() const { return failed_ ? kNoMemory : text_ ? text_ : ""; }

 private:
  char* text_ = nullptr;
  bool failed_ = false;
};
thread_local LastError last_error;
}  // namespace

Error error(eqv_status status, const char* format, ...) {
  char text[kLongest];
  va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return {status, text};
}

eqv_status fail(eqv_status status, const char* text) noexcept {
  last_error.set(text);
  return status;
}

}  // namespace eqv

extern "C" int64_t eqv_last_error(char* buffer, int64_t cap) {
  const char* const text = eqv::last_error.get();
  const auto length = static_cast<int64_t>(std::strlen(text));
  if (buffer && cap > 0) {
    const int64_t n = std::min(length, cap - 1);
    std::memcpy(buffer, text, static_cast<size_t>(n));
    buffer[n] = 0;
  }
  return length;
}
