// Where the time goes: a clock for each operation, and for each of its kernels. Switched off, it costs the test of a flag per
// operation and of a pointer per kernel.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "backend.h"

namespace eqv {

// The marks around a piece of work.
struct Span {
  backend::Mark begin, end;
};

// A call, as it was made. Its times are read later: on a GPU it may still run.
struct CallRecord {
  struct Kernel {
    std::string name;
    bool helper;
    Span span;
  };
  const char* operation = nullptr;
  int32_t math = EQV_MATH_FP32;
  double bytes = 0, flops = 0;
  bool whole = false;  // `span` is its time, else the sum of its kernels'
  Span span;
  std::vector<Kernel> kernels;
};

// What a device has measured since eqv_profile_begin.
class Profile {
 public:
  Profile() = default;
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;
  ~Profile();
  void begin();
  void end();
  void add(CallRecord&& call);
  void read(eqv_profile_summary& summary);
  bool get(int64_t index, eqv_profile_row& row);

 private:
  using Clock = std::chrono::steady_clock;
  struct Sum {
    int64_t calls = 0;
    double seconds = 0, bytes = 0, flops = 0;
  };
  void settle();  // sums up the calls that wait
  std::mutex mutex_;
  std::vector<CallRecord> waiting_;
  std::map<std::tuple<std::string, std::string, int32_t>, Sum> sums_;  // by operation, kernel and math
  Clock::time_point begun_, ended_;
  bool running_ = false;
};

// One call of an operation, which is timed if its device is profiled.
class ProfiledCall final : public KernelClock {
 public:
  ProfiledCall() = default;
  ProfiledCall(const ProfiledCall&) = delete;
  ProfiledCall& operator=(const ProfiledCall&) = delete;
  ~ProfiledCall() {
    if (stream_) drop();
  }
  explicit operator bool() const { return stream_ != nullptr; }

  void begin(Stream& stream, const char* operation, bool whole = false) {
    if (stream.device->profiled && !stream.capturing) start(stream, operation, whole);
  }
  void bytes(double n) { record_.bytes += n; }
  void flops(double n) { record_.flops += n; }
  // dtype: of its activations, or -1. Without this call nothing is counted: the operation has failed.
  void done(int32_t dtype) {
    if (stream_) finish(dtype);
  }

  void begin(const char* kernel, bool helper) override;
  void end() override;

 private:
  void start(Stream& stream, const char* operation, bool whole);
  void finish(int32_t dtype);
  void drop() noexcept;
  Stream* stream_ = nullptr;
  CallRecord record_;
};

}  // namespace eqv
