#include "library.h"

#include <dlfcn.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "hooks.h"
#include "nccl_constants.h"
#include "status.h"

namespace eqv {
namespace {

std::atomic<const Nccl*> opened{nullptr};  // the last one; never freed: calls may come at exit

std::string version_text(int code) {
  return std::to_string(code / 10000) + "." + std::to_string(code / 100 % 100) + "." + std::to_string(code % 100);
}

Nccl* load(const char* file, int* version) {
  void* library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = dlerror();  // names the file
    throw error(EQV_NO_DEVICE, "NCCL could not be loaded: %s", why ? why : file);
  }
  auto* all = new Nccl();
  const char* missing = nullptr;
#define EQV_NCCL_FIND(name)                                                 \
  all->name = reinterpret_cast<decltype(all->name)>(dlsym(library, #name)); \
  if (!all->name) missing = #name;
  EQV_NCCL_FUNCTIONS(EQV_NCCL_FIND)
#undef EQV_NCCL_FIND
  std::string problem;
  if (missing)
    problem = std::string("it has no ") + missing;
  else if (all->ncclGetVersion(version) != ncclSuccess)
    problem = "it does not say its version";
  else if (*version < kNcclOldest)
    problem = "it is NCCL " + version_text(*version) + ", and eqvae needs " + version_text(kNcclOldest) + " or newer";
  if (problem.empty()) return all;
  delete all;
  dlclose(library);
  throw error(EQV_NO_DEVICE, "NCCL could not be loaded: %s: %s", file, problem.c_str());
}

}  // namespace

const Nccl& open_nccl(const char* file, int* version) {
  struct Known {
    const Nccl* functions = nullptr;
    int version = 0;
  };
  static std::mutex mutex;
  static auto* all = new std::map<std::string, Known>();
  const char* name = file ? file : backend::default_nccl();
  if (!name)
    throw error(EQV_UNSUPPORTED, "this device has no NCCL of its own: EQVAE_NCCL names a library that stands in for it");
  std::lock_guard lock(mutex);
  Known& known = (*all)[name];
  if (!known.functions) known.functions = load(name, &known.version);
  *version = known.version;
  opened = known.functions;
  return *known.functions;
}

const Nccl& nccl() {
  const Nccl* all = opened;
  if (!all) throw error(EQV_BAD_ARGUMENT, "NCCL was not opened: call eqv_comm_load first");
  return *all;
}

}  // namespace eqv
