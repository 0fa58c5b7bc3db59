// The layout of every struct and the arity of every function as text, and its hash. The Java side builds the same text from its
// own declarations; equal hashes mean that both sides agree. native/include/eqv.abi is the recorded copy.
#include <cstring>
#include <string>

#include "abi_text.h"
#include "status.h"

namespace eqv {

void AbiText::line(const char* kind, const char* name, const char* before, size_t number) {
  text_.append("\n").append(kind).append(name).append(before).append(std::to_string(number));
}

void AbiText::field(const char* name, const char* type, size_t count, std::ptrdiff_t offset) {
  text_.append(" ").append(name).append(":").append(type);
  if (count > 1) text_.append("x").append(std::to_string(count));
  text_.append("@").append(std::to_string(offset));
}

std::string AbiText::get() const { return "eqv abi " + std::to_string(EQV_ABI_VERSION) + text_ + "\n"; }

}  // namespace eqv

namespace {

const std::string& text() {
  static const std::string* t = new std::string(eqv::abi_layout());
  return *t;
}

}  // namespace

extern "C" int64_t eqv_abi_text(char* buffer, int64_t cap) {
  const auto length = static_cast<int64_t>(text().size());
  if (buffer && cap > 0) {
    const int64_t n = length < cap - 1 ? length : cap - 1;
    std::memcpy(buffer, text().data(), static_cast<size_t>(n));
    buffer[n] = 0;
  }
  return length;
}

extern "C" eqv_status eqv_abi(uint32_t* version, uint64_t* layout_hash) {
  return eqv::guard("abi", [&] {
    if (!version || !layout_hash) throw eqv::error(EQV_BAD_ARGUMENT, "abi: version or layout_hash is null");
    uint64_t hash = 14695981039346656037ull;  // FNV-1a, 64 bits
    for (unsigned char c : text()) hash = (hash ^ c) * 1099511628211ull;
    *version = EQV_ABI_VERSION;
    *layout_hash = hash;
  });
}
