// Into how many pieces oneDNN divides its work, and on how many threads.
#pragma once

namespace eqv::cpu {

// During its lifetime, oneDNN primitives of this thread are created and run in `pieces` parts on up to `threads` threads;
// otherwise on this thread alone. Parts run in any order, so a primitive whose threads wait for each other must have one part.
class DnnlPieces {
 public:
  DnnlPieces(int pieces, int threads);
  ~DnnlPieces();
  DnnlPieces(const DnnlPieces&) = delete;
  DnnlPieces& operator=(const DnnlPieces&) = delete;
};

}  // namespace eqv::cpu
