// How many threads oneDNN uses.
#pragma once

namespace eqv::cpu {

// While it lives, the calling thread's primitives of oneDNN are made for, and run on, that many threads. Else they run on the
// calling thread alone. `together`: their threads may wait for each other.
class DnnlThreads {
 public:
  DnnlThreads(int threads, bool together);
  ~DnnlThreads();
  DnnlThreads(const DnnlThreads&) = delete;
  DnnlThreads& operator=(const DnnlThreads&) = delete;
};

}  // namespace eqv::cpu
