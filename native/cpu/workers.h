// Threads that share the work of a call. Work is handed out in pieces, and a thread that is free takes the next one: nobody
// waits for a thread that another program keeps from running, unless it is in the middle of a piece. What a piece computes
// must not depend on who runs it.
#pragma once

#include <cstdint>

namespace eqv::cpu {

// Computes one piece. `thread` is that of the call's threads, from 0, that does it: two pieces that run at the same time have
// different ones. It must not wait for another piece.
using Piece = void (*)(void* work, int64_t piece, int thread);

// Starts as many threads as a call with `threads` threads needs beside its own; they wait, asleep, and serve all calls of the
// process. Throws if the system gives no more.
void start_workers(int threads);

// Calls run(work, i, thread) once for each i of [0, pieces), on the calling thread and up to threads - 1 of the started ones.
// Returns when all pieces are done; what one of them has thrown is thrown then.
void share(int64_t pieces, int threads, Piece run, void* work);

}  // namespace eqv::cpu
