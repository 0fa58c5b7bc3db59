#include "journal.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "status.h"

namespace eqv {
namespace {

const char* path() {
  static const char* const path = std::getenv("EQV_PROFILE_CALLS");
  return path;
}

}  // namespace

bool journals() { return path() != nullptr; }

void journal(const char* format, ...) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  static FILE* const file = std::fopen(path(), "a");
  if (!file) throw error(EQV_BAD_ARGUMENT, "EQV_PROFILE_CALLS: %s cannot be written", path());
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(file, format, arguments);
  va_end(arguments);
  std::fputc('\n', file);
  std::fflush(file);
}

}  // namespace eqv
