// The processor as a device: threads, memory, copies.
#include <oneapi/dnnl/dnnl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bf16.h"
#include "host_only.h"
#include "parallel.h"
#include "processors.h"
#include "workers.h"

namespace eqv::backend {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;

// Reads the first line of `path` that starts with `key` and returns what follows its colon in `value`.
bool line_of(const char* path, const char* key, char* value, size_t cap) {
  FILE* file = std::fopen(path, "r");
  if (!file) return false;
  char line[512];
  bool found = false;
  while (!found && std::fgets(line, sizeof line, file)) {
    if (std::strncmp(line, key, std::strlen(key)) != 0) continue;
    const char* text = std::strchr(line, ':');
    if (!text) continue;
    ++text;
    while (*text == ' ' || *text == '\t') ++text;
    std::snprintf(value, cap, "%s", text);
    value[std::strcspn(value, "\r\n")] = 0;
    found = true;
  }
  std::fclose(file);
  return found;
}

// The instruction set that EQV_SIMD functions use on this processor.
const char* instruction_set() {
#if defined(__x86_64__)
  __builtin_cpu_init();
#ifndef EQV_WITHOUT_AVX512
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return "avx512";
#endif
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "avx2";
  return "sse2";
#else
  return "portable";
#endif
}

}  // namespace

int32_t compute_dtype() { return EQV_F32; }
bool computes_in(int32_t dtype) { return dtype == EQV_F32; }
bool multiplies_in(int64_t math) { return math == EQV_MATH_BF16; }

void open(Device& device) {
  if (device.ordinal != 0)
    throw error(EQV_NO_DEVICE, "device_open: the CPU backend has one device, number 0, but %d was asked for",
                device.ordinal);
  if (device.threads == 0) {
    const char* wish = std::getenv("OMP_NUM_THREADS");
    const int wanted = wish ? std::atoi(wish) : 0;
    device.threads = wanted > 0 ? wanted : cpu::processors(cpu::affinity());
  }
  cpu::start_workers(device.threads);
}

void describe(const Device& device, eqv_device_info& info) {
  info.threads = device.threads;
  const int64_t page = sysconf(_SC_PAGESIZE);
  info.memory_bytes = std::max<int64_t>(0, sysconf(_SC_PHYS_PAGES)) * page;
  char text[96];
  if (line_of("/proc/meminfo", "MemAvailable", text, sizeof text)) info.free_bytes = std::atoll(text) * 1024;
  if (!line_of("/proc/cpuinfo", "model name", text, sizeof text)) std::snprintf(text, sizeof text, "unknown processor");
  std::snprintf(info.name, sizeof info.name, "CPU (%s, %d thread%s)", text, device.threads,
                device.threads == 1 ? "" : "s");
  const dnnl_version_t* v = dnnl_version();
  std::snprintf(info.detail, sizeof info.detail, "%s, oneDNN %d.%d.%d, products in bf16 by %s", instruction_set(), v->major,
                v->minor, v->patch, cpu::bf16_unit());
}

void* raw_allocate(Device&, int64_t bytes) {
  if (bytes > INT64_MAX - kHugePage) return nullptr;
  const bool large = bytes >= 2 * kHugePage;
  const int64_t alignment = large ? kHugePage : 64;
  const int64_t size = ceil_div(bytes, alignment) * alignment;
  void* data = std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(size));
  // Advice only: without huge pages everything still works, with more TLB misses.
  if (data && large) (void)madvise(data, static_cast<size_t>(size), MADV_HUGEPAGE);
  return data;
}

void raw_release(Device&, void* data, int64_t) { std::free(data); }

// Every call has finished its work when it returns.
void open_stream(Stream&) {}
void close_stream(Stream&) {}
void sync(Stream&) {}

void copy_in(Stream& stream, void* device_data, const void* host, int64_t bytes) {
  cpu::parallel_for(stream, bytes, int64_t{1} << 20, [&](int64_t begin, int64_t end) {
    std::memcpy(static_cast<char*>(device_data) + begin, static_cast<const char*>(host) + begin,
                static_cast<size_t>(end - begin));
  });
}

void copy_out(Stream& stream, void* host, const void* device_data, int64_t bytes) {
  copy_in(stream, host, device_data, bytes);
}

}  // namespace eqv::backend
