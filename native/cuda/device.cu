// A CUDA GPU as a device: memory, streams, copies. The runtime is linked statically; without a driver every call fails
// and open() says why.
#include <cuda_runtime.h>

#include <atomic>
#include <cstdio>
#include <mutex>

#include "common/hopper.h"
#include "gpu_bounds.h"
#include "nccl/hooks.h"

namespace eqv {
namespace {

// The runtime keeps the last error until it is asked for it: where this is forgotten, check_launch blames the next kernel.
bool failed(cudaError_t status) {
  if (status == cudaSuccess) return false;
  (void)cudaGetLastError();
  return true;
}

// One word for all devices of the process, in memory of the host: it can still be read when a GPU's context is lost.
std::atomic<uint64_t*> report_of_waits{nullptr};

void make_report_of_waits() {
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  if (report_of_waits.load()) return;
  void* word = nullptr;
  // Without this memory a stuck wait still ends its kernel, but the error cannot name it.
  if (failed(cudaHostAlloc(&word, sizeof(uint64_t), cudaHostAllocPortable | cudaHostAllocMapped))) return;
  *static_cast<uint64_t*>(word) = 0;
  report_of_waits.store(static_cast<uint64_t*>(word));
}

std::string waited_for() {
  const volatile uint64_t* report = report_of_waits.load();
  const uint64_t word = report ? *report : 0;
  return word ? "; " + gpu::describe_wait(word) : "";
}

// Throws the runtime's reason; `what` is what was tried.
void require(cudaError_t status, const char* what) {
  if (!failed(status)) return;
  if (status == cudaErrorMemoryAllocation)
    throw error(EQV_OUT_OF_MEMORY, "%s: %s", what, cudaGetErrorString(status));
  throw error(EQV_DEVICE_FAILED, "%s: %s (%s)%s", what, cudaGetErrorString(status), cudaGetErrorName(status),
              waited_for().c_str());
}

cudaStream_t handle(const Stream& stream) { return static_cast<cudaStream_t>(stream.native); }

}  // namespace

namespace gpu {

int64_t wave(const Stream& stream) { return int64_t{8} * stream.device->threads; }

void allow_shared(const void* kernel, size_t bytes) {
  require(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
          "cudaFuncSetAttribute");
}

void check_launch(const char* kernel) { require(cudaGetLastError(), kernel); }

uint64_t* wait_report() { return report_of_waits.load(); }

}  // namespace gpu

namespace backend {

int32_t compute_dtype() { return EQV_F32; }
bool computes_in(int32_t dtype) { return dtype == EQV_F32 || dtype == EQV_BF16; }
bool multiplies_in(int64_t math) { return math == EQV_MATH_TF32; }

// The first call of a thread always sets the device: that also makes the driver's context current, which the driver's own
// functions (tensor_map.cu) need. Later calls set it only if other code has selected another device; asking costs nanoseconds.
void select(const Device& device) {
  thread_local int selected = -1;
  int now = -1;
  if (selected == device.ordinal && !failed(cudaGetDevice(&now)) && now == device.ordinal) return;
  require(cudaSetDevice(device.ordinal), "cudaSetDevice");
  selected = device.ordinal;
}

void open(Device& device) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  (void)failed(status);
  if (status == cudaErrorInsufficientDriver || status == cudaErrorNoDevice || count == 0)
    throw error(EQV_NO_DEVICE,
                "device_open: cuda:%d cannot be used: %s. Check that nvidia-smi shows a GPU and a driver for CUDA 13, or "
                "use --device cpu",
                device.ordinal, status == cudaSuccess ? "the driver found no GPU" : cudaGetErrorString(status));
  require(status, "cudaGetDeviceCount");
  if (device.ordinal >= count)
    throw error(EQV_NO_DEVICE, "device_open: cuda:%d cannot be used: there are %d devices, numbered from 0",
                device.ordinal, count);
  select(device);
  int multiprocessors = 0;
  require(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device.ordinal),
          "cudaDeviceGetAttribute");
  device.threads = bounded_multiprocessors(multiprocessors);
  int major = 0, minor = 0;
  require(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device.ordinal), "cudaDeviceGetAttribute");
  require(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device.ordinal), "cudaDeviceGetAttribute");
  device.architecture = bounded_architecture(10 * major + minor);
  if (major < 8)
    throw error(EQV_NO_DEVICE,
                "device_open: cuda:%d cannot be used: its compute capability is %d.%d, the kernels need 8.0 or newer (Ampere "
                "and later). Use another GPU, or --device cpu",
                device.ordinal, major, minor);
  make_report_of_waits();
}

void describe(const Device& device, eqv_device_info& info) {
  cudaDeviceProp properties;
  require(cudaGetDeviceProperties(&properties, device.ordinal), "cudaGetDeviceProperties");
  size_t free = 0, total = 0;
  require(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  int runtime = 0, driver = 0;
  require(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  require(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  info.threads = device.threads;
  info.memory_bytes = static_cast<int64_t>(total);
  info.free_bytes = static_cast<int64_t>(free);
  std::snprintf(info.name, sizeof info.name, "%.100s", properties.name);
  char as[40] = "";
  if (device.architecture != 10 * properties.major + properties.minor)
    std::snprintf(as, sizeof as, " with the kernels of sm_%d", device.architecture);
  std::snprintf(info.detail, sizeof info.detail, "sm_%d%d%s, %d of %d multiprocessors, CUDA runtime %d.%d, driver for %d.%d",
                properties.major, properties.minor, as, device.threads, properties.multiProcessorCount, runtime / 1000, runtime % 1000 / 10, driver / 1000,
                driver % 1000 / 10);
}

void* raw_allocate(Device&, int64_t bytes) {
  void* data = nullptr;
  const cudaError_t status = cudaMalloc(&data, static_cast<size_t>(bytes));
  if (failed(status) && status == cudaErrorMemoryAllocation) return nullptr;  // the caller reports it
  require(status, "cudaMalloc");
  return data;
}

void raw_release(Device&, void* data, int64_t) {
  require(cudaFree(data), "cudaFree");
}

void open_stream(Stream& stream) {
  cudaStream_t s = nullptr;
  require(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking), "cudaStreamCreate");
  stream.native = s;
  cudaEvent_t e = nullptr;
  require(cudaEventCreateWithFlags(&e, cudaEventDisableTiming), "cudaEventCreate");
  stream.event = e;
}

void close_stream(Stream& stream) {
  require(cudaEventDestroy(static_cast<cudaEvent_t>(stream.event)), "cudaEventDestroy");
  require(cudaStreamDestroy(handle(stream)), "cudaStreamDestroy");
}

void sync(Stream& stream) { require(cudaStreamSynchronize(handle(stream)), "work on the stream failed"); }

void wait(Stream& stream, Stream& other) {
  const auto event = static_cast<cudaEvent_t>(other.event);
  require(cudaEventRecord(event, handle(other)), "cudaEventRecord");
  require(cudaStreamWaitEvent(handle(stream), event, 0), "cudaStreamWaitEvent");
}

int64_t count_devices() {
  int count = 0;
  return failed(cudaGetDeviceCount(&count)) ? 0 : count;
}

const char* default_nccl() { return "libnccl.so.2"; }
void* nccl_stream(Stream& stream) { return stream.native; }

bool is_done(Stream& stream) {
  const cudaError_t status = cudaStreamQuery(handle(stream));
  if (status == cudaErrorNotReady) {
    (void)failed(status);
    return false;
  }
  require(status, "work on the stream failed");
  return true;
}

void* raw_host_allocate(Device&, int64_t bytes) {
  void* data = nullptr;
  const cudaError_t status = cudaHostAlloc(&data, static_cast<size_t>(bytes), cudaHostAllocDefault);
  if (failed(status) && status == cudaErrorMemoryAllocation) return nullptr;
  require(status, "cudaHostAlloc");
  return data;
}

void raw_host_release(Device&, void* data) {
  require(cudaFreeHost(data), "cudaFreeHost");
}

bool captures() { return true; }

// The capture does not restrict other threads (a loader's, another model's).
void begin_capture(Stream& stream) {
  require(cudaStreamBeginCapture(handle(stream), cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
}

void* end_capture(Stream& stream, bool keep) {
  cudaGraph_t graph = nullptr;
  const cudaError_t status = cudaStreamEndCapture(handle(stream), &graph);
  if (!keep) {
    (void)failed(status);  // what spoiled it was reported
    if (graph) (void)failed(cudaGraphDestroy(graph));
    return nullptr;
  }
  require(status, "cudaStreamEndCapture");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t made = cudaGraphInstantiate(&executable, graph, 0);
  (void)failed(cudaGraphDestroy(graph));
  require(made, "cudaGraphInstantiate");
  return executable;
}

void launch_graph(Stream& stream, void* graph) {
  require(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), handle(stream)), "cudaGraphLaunch");
}

void destroy_graph(Device&, void* graph) {
  require(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)), "cudaGraphExecDestroy");
}

bool times_kernels() { return true; }

Mark mark(Stream& stream) {
  cudaEvent_t event = nullptr;
  require(cudaEventCreate(&event), "cudaEventCreate");
  const cudaError_t status = cudaEventRecord(event, handle(stream));
  if (failed(status)) (void)failed(cudaEventDestroy(event));
  require(status, "cudaEventRecord");
  return {.event = event};
}

double seconds_between(const Mark& begin, const Mark& end) {
  require(cudaEventSynchronize(static_cast<cudaEvent_t>(end.event)), "cudaEventSynchronize");
  float milliseconds = 0;
  require(cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(begin.event), static_cast<cudaEvent_t>(end.event)),
          "cudaEventElapsedTime");
  return static_cast<double>(milliseconds) / 1e3;
}

void release(const Mark& mark) noexcept {
  if (mark.event) (void)failed(cudaEventDestroy(static_cast<cudaEvent_t>(mark.event)));
}

// Of the highest clocks. Multiplications and additions that one multiprocessor finishes in a cycle: NVIDIA's tuning guides and
// white papers; dense matrices, sums in fp32. Tensor cores of TF32 do half of what those of bf16 do.
void ceilings(const Device& device, eqv_profile_summary& summary) {
  const auto attribute = [&](cudaDeviceAttr which) {
    int value = 0;
    require(cudaDeviceGetAttribute(&value, which, device.ordinal), "cudaDeviceGetAttribute");
    return static_cast<double>(value);
  };
  const double memory = attribute(cudaDevAttrMemoryClockRate) * 1e3, bits = attribute(cudaDevAttrGlobalMemoryBusWidth);
  summary.bytes_per_second = 2 * memory * bits / 8;  // two transfers per cycle
  const double cycles = attribute(cudaDevAttrClockRate) * 1e3 * device.threads;
  const int architecture = device.architecture;
  const double tensor_cores = architecture == 80    ? 2048
                              : architecture < 90   ? 1024
                              : architecture == 90  ? 4096
                              : architecture <= 103 ? 8192
                                                    : 0;
  summary.flops_per_second[EQV_MATH_FP32] = cycles * (architecture == 80 ? 128 : 256);
  summary.flops_per_second[EQV_MATH_TF32] = cycles * tensor_cores / 2;
  summary.flops_per_second[EQV_MATH_BF16] = cycles * tensor_cores;
}

// If the host memory is pageable, the runtime has read it when the call returns.
void copy_in(Stream& stream, void* device_data, const void* host, int64_t bytes) {
  require(cudaMemcpyAsync(device_data, host, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, handle(stream)), "copy_in");
}

void copy_out(Stream& stream, void* host, const void* device_data, int64_t bytes) {
  require(cudaMemcpyAsync(host, device_data, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, handle(stream)),
          "copy_out");
  sync(stream);
}

}  // namespace backend
}  // namespace eqv
