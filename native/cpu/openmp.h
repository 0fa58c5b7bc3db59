// Into how many pieces oneDNN divides its work, and on how many threads.
#pragma once

namespace eqv::cpu {

// While it lives, the calling thread's primitives of oneDNN are made in, and run as, `pieces` on up to `threads` threads. Else
// they run on the calling thread alone. Pieces are computed in any order: those of primitives whose threads wait for each other
// must not be more than one.
class DnnlPieces {
 public:
  DnnlPieces(int pieces, int threads);
  ~DnnlPieces();
  DnnlPieces(const DnnlPieces&) = delete;
  DnnlPieces& operator=(const DnnlPieces&) = delete;
};

}  // namespace eqv::cpu
