// Which fault is planted: of all that faults.cmake writes into the copies of the kernels, the one that EQV_FAULT names.
#pragma once

#include <cstdlib>
#include <string_view>

#define EQV_PLANTED(name)                                  \
  ([] {                                                    \
    static const bool on = [] {                            \
      const char* fault = std::getenv("EQV_FAULT");        \
      return fault && std::string_view(fault) == (name);   \
    }();                                                   \
    return on;                                             \
  }())
