// What the stand-in of NCCL sees of a stream of the shim. It is another library, so this is plain C.
#pragma once

struct ShimStream {
  // Gives the stream work that others do: `begin` is called when the stream has come to it, `ended` says whether it is done,
  // and `drop` is called when the stream needs it no longer. Any thread may call this.
  void (*give)(ShimStream*, void* work, void (*begin)(void*), bool (*ended)(void*), void (*drop)(void*)) = nullptr;
};
