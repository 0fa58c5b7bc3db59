// Errors inside a backend are exceptions of type Error; at the C interface `guard` turns every one into a status and a text.
#pragma once

#include <cstdarg>
#include <new>
#include <stdexcept>
#include <string>

#include "eqv.h"

namespace eqv {

struct Error : std::runtime_error {
  Error(eqv_status status, const std::string& text) : std::runtime_error(text), status(status) {}
  eqv_status status;
};

// printf-style text of an error.
[[gnu::format(printf, 2, 3)]] Error error(eqv_status status, const char* format, ...);

// Keeps `text` as the calling thread's last error and returns `status`.
eqv_status fail(eqv_status status, const char* text) noexcept;

template <class F>
eqv_status guard(const char* function, F&& body) noexcept {
  try {
    body();
    return EQV_OK;
  } catch (const Error& e) {
    return fail(e.status, e.what());
  } catch (const std::bad_alloc&) {
    return fail(EQV_OUT_OF_MEMORY, (std::string(function) + ": the host ran out of memory").c_str());
  } catch (const std::exception& e) {
    return fail(EQV_INTERNAL, (std::string(function) + ": " + e.what() + "; this is a bug in eqvae").c_str());
  } catch (...) {
    return fail(EQV_INTERNAL, (std::string(function) + ": unknown failure; this is a bug in eqvae").c_str());
  }
}

}  // namespace eqv
