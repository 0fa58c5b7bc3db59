// native/cuda/device.cu on a runtime that fails when it is told to: `device_test CASE` prints what the device made of it.
//   multiprocessors   how many it uses of 132
//   architecture      whose kernels it runs on sm_90
//   errors            for each call that fails, what the next launch is told
//   done              whether work that still runs, and work that has ended, is done
//   hang              what is said when a kernel ended itself because of a wait
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

#include "common/hopper.h"
#include "cuda_runtime.h"
#include "nccl/hooks.h"

namespace {

// The runtime: `failing` is the function that fails, with `how`.
std::string failing;
cudaError_t how = cudaErrorInvalidValue, last = cudaSuccess;
int current = 0;

cudaError_t answer(const char* function) {
  if (failing != function) return cudaSuccess;
  return last = how;
}

template <class T>
cudaError_t make(const char* function, T* out) {
  *out = reinterpret_cast<T>(16);
  return answer(function);
}

}  // namespace

cudaError_t cudaGetLastError() { return std::exchange(last, cudaSuccess); }
const char* cudaGetErrorString(cudaError_t) { return "it failed"; }
const char* cudaGetErrorName(cudaError_t) { return "anError"; }
cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) { return answer(__func__); }
cudaError_t cudaGetDevice(int* device) { return *device = current, answer(__func__); }
cudaError_t cudaSetDevice(int device) { return current = device, answer(__func__); }
cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, answer(__func__); }
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr which, int) {
  *value = which == cudaDevAttrMultiProcessorCount ? 132 : which == cudaDevAttrComputeCapabilityMajor ? 9 : 0;
  return answer(__func__);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int) { return *p = {"a GPU", 9, 0, 132}, answer(__func__); }
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) { return *free = *total = 1, answer(__func__); }
cudaError_t cudaRuntimeGetVersion(int* version) { return *version = 13000, answer(__func__); }
cudaError_t cudaDriverGetVersion(int* version) { return *version = 13000, answer(__func__); }
cudaError_t cudaMalloc(void** data, size_t) { return make(__func__, data); }
cudaError_t cudaFree(void*) { return answer(__func__); }
cudaError_t cudaHostAlloc(void** data, size_t bytes, unsigned) { return *data = std::malloc(bytes), answer(__func__); }
cudaError_t cudaFreeHost(void*) { return answer(__func__); }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) { return make(__func__, stream); }
cudaError_t cudaStreamDestroy(cudaStream_t) { return answer(__func__); }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return answer(__func__); }
cudaError_t cudaStreamQuery(cudaStream_t) { return answer(__func__); }
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return answer(__func__); }
cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) { return answer(__func__); }
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) { return make(__func__, graph); }
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* graph, cudaGraph_t, unsigned long long) { return make(__func__, graph); }
cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t) { return answer(__func__); }
cudaError_t cudaGraphDestroy(cudaGraph_t) { return answer(__func__); }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t) { return answer(__func__); }
cudaError_t cudaEventCreate(cudaEvent_t* event) { return make(__func__, event); }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return make(__func__, event); }
cudaError_t cudaEventDestroy(cudaEvent_t) { return answer(__func__); }
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return answer(__func__); }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return answer(__func__); }
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t, cudaEvent_t) { return *ms = 1, answer(__func__); }
cudaError_t cudaMemcpyAsync(void*, const void*, size_t, cudaMemcpyKind, cudaStream_t) { return answer(__func__); }

namespace {

using namespace eqv;

std::string said(const std::function<void()>& call) {
  try {
    call();
    return "nothing";
  } catch (const std::exception& e) {
    return e.what();
  }
}

struct Opened {
  Device device;
  Stream stream;

  Opened() {
    backend::open(device);
    stream.device = &device;
    backend::open_stream(stream);
  }
};

// A call that fails says so itself; a launch after it has not failed.
void errors(Opened& o) {
  struct Call {
    const char* function;
    std::function<void()> call;
  };
  char byte = 0;
  const auto graph = [&] { (void)backend::end_capture(o.stream, true); };
  const Call calls[] = {
      {"cudaFuncSetAttribute", [&] { gpu::allow_shared(nullptr, 1 << 16); }},
      {"cudaMalloc", [&] { (void)backend::raw_allocate(o.device, 1); }},
      {"cudaFree", [&] { backend::raw_release(o.device, nullptr, 1); }},
      {"cudaHostAlloc", [&] { (void)backend::raw_host_allocate(o.device, 1); }},
      {"cudaFreeHost", [&] { backend::raw_host_release(o.device, nullptr); }},
      {"cudaStreamCreateWithFlags", [&] { backend::open_stream(o.stream); }},
      {"cudaEventCreateWithFlags", [&] { backend::open_stream(o.stream); }},
      {"cudaStreamSynchronize", [&] { backend::sync(o.stream); }},
      {"cudaStreamQuery", [&] { (void)backend::is_done(o.stream); }},
      {"cudaGetDeviceCount", [&] { (void)backend::count_devices(); }},
      {"cudaStreamWaitEvent", [&] { backend::wait(o.stream, o.stream); }},
      {"cudaStreamBeginCapture", [&] { backend::begin_capture(o.stream); }},
      {"cudaStreamEndCapture", graph},
      {"cudaGraphInstantiate", graph},
      {"cudaGraphDestroy", graph},
      {"cudaGraphLaunch", [&] { backend::launch_graph(o.stream, nullptr); }},
      {"cudaGraphExecDestroy", [&] { backend::destroy_graph(o.device, nullptr); }},
      {"cudaEventRecord", [&] { (void)backend::mark(o.stream); }},
      {"cudaEventDestroy", [&] { backend::release(backend::mark(o.stream)); }},
      {"cudaMemcpyAsync", [&] { backend::copy_in(o.stream, &byte, &byte, 1); }},
      {"cudaGetDevice", [&] { backend::select(o.device); }},
  };
  for (cudaError_t kind : {cudaErrorInvalidValue, cudaErrorMemoryAllocation})
    for (const Call& c : calls) {
      failing = c.function, how = kind;
      const std::string first = said(c.call);
      failing.clear();
      std::printf("%s: %s; the launch after it: %s\n", c.function, first.c_str(),
                  said([] { gpu::check_launch("kernel"); }).c_str());
      last = cudaSuccess;
    }
}

// What a GPU does in barrier_wait, and then the failure of the stream.
void hang(Opened& o) {
  *gpu::wait_report() = gpu::pack_wait(gpu::Wait::empty, 2, 1, 129, 70000);
  failing = "cudaStreamSynchronize", how = cudaErrorLaunchFailure;
  std::printf("%s\n", said([&] { backend::sync(o.stream); }).c_str());
}

// Work that still runs is no failure.
void done(Opened& o) {
  failing = "cudaStreamQuery", how = cudaErrorNotReady;
  const bool before = backend::is_done(o.stream);
  failing.clear();
  std::printf("%d %d; the launch after it: %s\n", before, backend::is_done(o.stream),
              said([] { gpu::check_launch("kernel"); }).c_str());
}

}  // namespace

int main(int count, char** arguments) {
  const std::string name = count == 2 ? arguments[1] : "";
  Opened opened;
  if (name == "multiprocessors") std::printf("%d\n", opened.device.threads);
  else if (name == "architecture") std::printf("%d\n", opened.device.architecture);
  else if (name == "errors") errors(opened);
  else if (name == "done") done(opened);
  else if (name == "hang") hang(opened);
  else return 2;
  return 0;
}
