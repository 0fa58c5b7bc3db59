// The shim as a device: memory of the host, work that is done when a call returns.
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "common/hopper.h"
#include "gpu_bounds.h"
#include "nccl/hooks.h"
#include "scheduler.h"
#include "shim_stream.h"

namespace eqv::gpu {

int64_t wave(const Stream& stream) { return 2 * stream.device->threads; }
void check_launch(const char* kernel) { simt::record_launch(kernel); }
uint64_t* wait_report() { return nullptr; }

TensorMap matrix_map(const void* data, int64_t rows, int64_t columns, int box_rows) {
  TensorMap map{};
  map.data = static_cast<const uint16_t*>(data);
  map.columns = columns, map.rows = rows, map.box = box_rows;
  return map;
}

TensorMap image_map(const void* data, int n, int h, int w, int c, int box_rows, int box_columns) {
  TensorMap map{};
  map.data = static_cast<const uint16_t*>(data);
  map.kind = TensorMap::Kind::images;
  map.columns = c, map.rows = w, map.height = h, map.images = n;
  map.box = box_rows * box_columns, map.box_columns = box_columns;
  return map;
}

TensorMap pixels_map(const void* data, int n, int h, int w, int c, PixelRange range, int step, int box_pixels) {
  return {.data = static_cast<const uint16_t*>(data),
          .kind = TensorMap::Kind::pixels,
          .columns = c,
          .rows = w,
          .height = h,
          .images = n,
          .box = box_pixels,
          .box_columns = 0,
          .first_column = range.first_column,
          .first_row = range.first_row,
          .beyond_columns = range.beyond_columns,
          .beyond_rows = range.beyond_rows,
          .step = step};
}

}  // namespace eqv::gpu

namespace simt {

// The device that the calling thread has selected, as with cudaSetDevice. Here a thread has none until it selects one.
thread_local int selected = -1;

// Every call that uses the thread's current device checks that it is the right one.
void require_selected(int ordinal, const char* what) {
  if (selected != ordinal)
    throw eqv::error(EQV_INTERNAL, "%s on device %d by a thread that has selected device %d: backend::select was forgotten; "
                     "this is a bug in eqvae", what, ordinal, selected);
}

// The pending work of a stream. Copies from pinned memory are done as late as possible: when the stream gets other work, or
// is waited for. With SIMT_EARLY=1 they are done at once. A program must be right in both cases. Work that others do
// (ShimStream) is begun by the same rule; until it has ended, all that the stream gets after it waits, as on a GPU.
// Kernels run at once; with SIMT_LATE=1 only when the stream is waited for, so that a program notices if it forgot to wait.
class Queue : public ShimStream {
 public:
  // How far a queue has come, for streams that wait for it. It outlives the queue.
  struct Progress {
    std::mutex mutex;
    Queue* queue = nullptr;  // null once it is closed: it had ended all its work
    uint64_t ended = 0;      // pieces of work, of those that were pending
  };

  explicit Queue(int ordinal) : ordinal_(ordinal) {
    progress_->queue = this;
    {
      std::lock_guard lock(all_mutex);
      all.insert(this);
    }
    give = [](ShimStream* stream, void* work, void (*begin)(void*), bool (*ended)(void*), void (*drop)(void*)) {
      const std::shared_ptr<void> owner(work, drop);
      static_cast<Queue*>(stream)->given([=] { begin(owner.get()); }, [=] { return ended(owner.get()); });
    };
  }
  ~Queue() {
    {
      std::lock_guard lock(all_mutex);
      all.erase(this);
    }
    std::lock_guard lock(progress_->mutex);
    progress_->queue = nullptr;
  }

  void later(std::function<void()> copy) {
    require_selected(ordinal_, "a copy");
    std::lock_guard lock(progress_->mutex);
    add({std::move(copy), nullptr});
  }

  // Does what can be done now. Whether nothing is left.
  bool advance() {
    require_selected(ordinal_, "a wait");
    std::lock_guard lock(progress_->mutex);
    return go_on();
  }

  void catch_up() {
    while (!advance()) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }

  // Work in the order of the stream; while a graph is captured it is kept instead.
  void run(std::function<void()> work) {
    require_selected(ordinal_, "a launch");
    if (recording_) return graph_.push_back(std::move(work));
    std::lock_guard lock(progress_->mutex);
    if (!late() && go_on()) work();
    else pending_.push_back({std::move(work), nullptr});
  }

  // What the stream gets from now on waits for what `other` has so far.
  void wait(Queue& other) {
    if (other.advance()) return;
    std::shared_ptr<Progress> theirs = other.progress_;
    uint64_t last;
    {
      std::lock_guard lock(theirs->mutex);
      last = theirs->ended + other.pending_.size();
    }
    std::lock_guard lock(progress_->mutex);
    pending_.push_back({nullptr, [theirs, last] {
                          const std::unique_lock lock(theirs->mutex, std::try_to_lock);
                          if (!lock) return false;  // another thread uses it: ask again
                          if (theirs->queue) theirs->queue->go_on();
                          return !theirs->queue || theirs->ended >= last;
                        }});
  }

  static bool late() {
    static const bool value = std::getenv("SIMT_LATE") != nullptr;
    return value;
  }

  // As cudaFree does before it frees: the work of the device ends first, if it is late.
  static void finish(int ordinal) {
    if (!late()) return;
    std::lock_guard lock(all_mutex);
    for (Queue* queue : all) {
      if (queue->ordinal_ != ordinal) continue;
      const std::unique_lock mine(queue->progress_->mutex, std::try_to_lock);
      if (mine) queue->go_on();
    }
  }

  void record() {
    require_selected(ordinal_, "a capture");
    recording_ = true;
  }
  std::vector<std::function<void()>> recorded() {
    recording_ = false;
    return std::exchange(graph_, {});
  }

 private:
  struct Work {
    std::function<void()> begin;
    std::function<bool()> ended;  // null: when it has begun
    bool begun = false;
  };

  void given(std::function<void()> begin, std::function<bool()> ended) {
    std::lock_guard lock(progress_->mutex);
    add({std::move(begin), std::move(ended)});
  }

  void add(Work work) {
    static const bool early = std::getenv("SIMT_EARLY") != nullptr;
    pending_.push_back(std::move(work));
    if (early) go_on();
  }

  bool go_on() {
    while (!pending_.empty()) {
      Work& work = pending_.front();
      if (!std::exchange(work.begun, true) && work.begin) work.begin();
      if (work.ended && !work.ended()) return false;
      pending_.pop_front();
      ++progress_->ended;
    }
    return true;
  }

  static inline std::mutex all_mutex;
  static inline std::set<Queue*> all;

  int ordinal_;
  std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
  std::deque<Work> pending_;
  std::vector<std::function<void()>> graph_;
  bool recording_ = false;
};

void submit(void* stream, std::function<void()> work) {
  if (stream) static_cast<Queue*>(stream)->run(std::move(work));
  else work();
}

}  // namespace simt

namespace eqv::backend {
namespace {

simt::Queue& queue(Stream& stream) { return *static_cast<simt::Queue*>(stream.native); }

// The host memory that copies may read late.
class Pinned {
 public:
  void add(const void* data, int64_t bytes) {
    std::lock_guard lock(mutex_);
    blocks_[static_cast<const char*>(data)] = bytes;
  }
  void remove(const void* data) {
    std::lock_guard lock(mutex_);
    blocks_.erase(static_cast<const char*>(data));
  }
  bool has(const void* data) {
    std::lock_guard lock(mutex_);
    const auto* p = static_cast<const char*>(data);
    const auto after = blocks_.upper_bound(p);
    return after != blocks_.begin() && p < std::prev(after)->first + std::prev(after)->second;
  }

 private:
  std::mutex mutex_;
  std::map<const char*, int64_t> blocks_;
};

Pinned& pinned() {
  static auto* p = new Pinned();  // never destroyed: calls may come at exit
  return *p;
}

}  // namespace

int32_t compute_dtype() { return EQV_F32; }
bool computes_in(int32_t dtype) { return dtype == EQV_F32 || dtype == EQV_BF16; }
bool multiplies_in(int64_t math) { return math == EQV_MATH_TF32; }

void select(const Device& device) { simt::selected = device.ordinal; }

void open(Device& device) {
  if (device.ordinal > 1)
    throw error(EQV_NO_DEVICE, "device_open: the shim has the devices 0 (as sm_80) and 1 (as sm_90a), but %d was asked for",
                device.ordinal);
  select(device);
  device.architecture = bounded_architecture(device.ordinal == 0 ? 80 : 90);
  // As sm_90a it has few multiprocessors whatever the processor has: blocks that go on with another tile are then tested on
  // every machine. EQV_MULTIPROCESSORS says another number, up to those of an H200.
  constexpr int32_t kFew = 4, kMost = 132;
  const int32_t asked = bounded_multiprocessors(kMost + 1);
  if (asked <= kMost) device.threads = asked;
  else if (device.architecture == 90) device.threads = kFew;
  else if (device.threads == 0) device.threads = static_cast<int32_t>(std::max(1u, std::thread::hardware_concurrency()));
}

void describe(const Device& device, eqv_device_info& info) {
  simt::require_selected(device.ordinal, "a question");
  info.threads = device.threads;
  std::snprintf(info.name, sizeof info.name, "CUDA kernels on the processor, as sm_%d (tests only)",
                device.architecture);
  std::snprintf(info.detail, sizeof info.detail,
                "a fiber per CUDA thread; order of threads by SIMT_SEED; grids of clusters so far: %llu",
                static_cast<unsigned long long>(simt::cluster_launches()));
}

namespace {

// A page without access rights follows each allocation, so that a write beyond its end is caught. AddressSanitizer also
// catches an access before its beginning.
struct Guarded {
  size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), used, mapped;

  explicit Guarded(int64_t bytes)
      : used((static_cast<size_t>(std::max<int64_t>(1, bytes)) + 255) / 256 * 256), mapped((used + page - 1) / page * page + page) {}
  size_t offset() const { return mapped - page - used; }
};

// Memory that was released, on its way back to the system. To unmap takes long while other threads run, and allocations that
// were made one after the other lie side by side: several of them go in one call.
class Released {
 public:
  void add(unsigned char* start, size_t bytes) {
    std::lock_guard lock(mutex_);
    ranges_[start] = bytes;
    bytes_ += bytes;
    if (ranges_.size() < kMost && bytes_ < kMostBytes) return;
    for (auto range = ranges_.begin(); range != ranges_.end();) {
      unsigned char* const first = range->first;
      unsigned char* end = first;
      for (; range != ranges_.end() && range->first == end; ++range) end += range->second;
      munmap(first, static_cast<size_t>(end - first));
    }
    ranges_.clear();
    bytes_ = 0;
  }

 private:
  static constexpr size_t kMost = 64, kMostBytes = size_t{16} << 20;

  std::mutex mutex_;
  std::map<unsigned char*, size_t> ranges_;
  size_t bytes_ = 0;
};

Released& released() {
  static auto* p = new Released();  // never destroyed: calls may come at exit
  return *p;
}

}  // namespace

void* raw_allocate(Device& device, int64_t bytes) {
  simt::require_selected(device.ordinal, "an allocation");
  if (bytes > INT64_MAX / 2) return nullptr;
  const Guarded g(bytes);
  void* memory = mmap(nullptr, g.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* start = static_cast<unsigned char*>(memory);
  mprotect(start + g.mapped - g.page, g.page, PROT_NONE);
  ASAN_POISON_MEMORY_REGION(start, g.offset());
  return start + g.offset();
}

void raw_release(Device& device, void* data, int64_t bytes) {
  simt::require_selected(device.ordinal, "a release");
  simt::Queue::finish(device.ordinal);
  const Guarded g(bytes);
  auto* start = static_cast<unsigned char*>(data) - g.offset();
  ASAN_UNPOISON_MEMORY_REGION(start, g.offset());
  std::memset(data, 0xff, std::min(g.used, size_t{64} << 10));  // whoever reads it still finds NaNs
  released().add(start, g.mapped);
}

void open_stream(Stream& stream) { stream.native = new simt::Queue(stream.device->ordinal); }
void close_stream(Stream& stream) { delete &queue(stream); }
void sync(Stream& stream) { queue(stream).catch_up(); }
void wait(Stream& stream, Stream& other) { queue(stream).wait(queue(other)); }
int64_t count_devices() { return 1; }
const char* default_nccl() { return nullptr; }
void* nccl_stream(Stream& stream) { return static_cast<ShimStream*>(&queue(stream)); }
bool is_done(Stream& stream) { return queue(stream).advance(); }

void* raw_host_allocate(Device& device, int64_t bytes) {
  simt::require_selected(device.ordinal, "an allocation");
  void* data = std::aligned_alloc(64, (static_cast<size_t>(bytes) + 63) / 64 * 64);
  if (data) pinned().add(data, bytes);
  return data;
}

void raw_host_release(Device& device, void* data) {
  simt::require_selected(device.ordinal, "a release");
  pinned().remove(data);
  std::free(data);
}

void copy_in(Stream& stream, void* device_data, const void* host, int64_t bytes) {
  const auto copy = [=] { std::memcpy(device_data, host, static_cast<size_t>(bytes)); };
  if (pinned().has(host)) {
    queue(stream).later(copy);
  } else if (queue(stream).advance()) {
    queue(stream).run(copy);
  } else {
    const auto* bytes_now = static_cast<const char*>(host);
    queue(stream).run([=, kept = std::vector<char>(bytes_now, bytes_now + bytes)] {
      std::memcpy(device_data, kept.data(), kept.size());
    });
  }
}

void copy_out(Stream& stream, void* host, const void* device_data, int64_t bytes) {
  queue(stream).run([=] { std::memcpy(host, device_data, static_cast<size_t>(bytes)); });
  sync(stream);
}

bool captures() { return true; }
void begin_capture(Stream& stream) { queue(stream).record(); }

void* end_capture(Stream& stream, bool keep) {
  auto recorded = queue(stream).recorded();
  return keep ? new std::vector<std::function<void()>>(std::move(recorded)) : nullptr;
}

void launch_graph(Stream& stream, void* graph) {
  for (const auto& work : *static_cast<std::vector<std::function<void()>>*>(graph)) queue(stream).run(work);
}

void destroy_graph(Device& device, void* graph) {
  simt::require_selected(device.ordinal, "a graph's end");
  delete static_cast<std::vector<std::function<void()>>*>(graph);
}

bool times_kernels() { return true; }

// As with CUDA, an event is something that the stream comes to.
Mark mark(Stream& stream) {
  auto* event = new double(0);
  queue(stream).run([event] {
    *event = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  });
  return {.event = event};
}

double seconds_between(const Mark& begin, const Mark& end) {
  return *static_cast<double*>(end.event) - *static_cast<double*>(begin.event);
}

void release(const Mark& mark) noexcept { delete static_cast<double*>(mark.event); }
void ceilings(const Device&, eqv_profile_summary&) {}

}  // namespace eqv::backend
