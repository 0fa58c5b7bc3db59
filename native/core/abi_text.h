// Writes the text of eqv_abi_text from the compiler's view of eqv.h.
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>

#include "eqv.h"

namespace eqv {

// One line for each struct and function of eqv.h.
std::string abi_layout();

// How the text spells a type.
template <class T>
constexpr const char* abi_type() {
  if constexpr (std::is_same_v<T, char>) return "char";
  else if constexpr (std::is_pointer_v<T>) return "ptr";
  else if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 4 ? "f32" : "f64";
  else if constexpr (std::is_signed_v<T>) return sizeof(T) == 4 ? "i32" : "i64";
  else return sizeof(T) == 4 ? "u32" : "u64";
}

class AbiText {
 public:
  // Begins a struct's line; its fields follow.
  template <class S>
  void structure(const char* name) { line("struct ", name, " size=", sizeof(S)); }

  template <class S, class F>
  void field(const char* name, F S::*member) {
    static const S at{};
    const auto* place = reinterpret_cast<const char*>(&(at.*member));
    field(name, abi_type<std::remove_extent_t<F>>(), std::is_array_v<F> ? std::extent_v<F> : 1,
          place - reinterpret_cast<const char*>(&at));
  }

  template <class... A>
  void function(const char* name, eqv_status (*)(A...)) { line("fn ", name, "/", sizeof...(A)); }

  std::string get() const;

 private:
  void line(const char* kind, const char* name, const char* before, size_t number);
  void field(const char* name, const char* type, size_t count, std::ptrdiff_t offset);
  std::string text_;
};

}  // namespace eqv
