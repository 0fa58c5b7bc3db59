// libeqv_mpi.so: the few calls of MPI that eqvae makes, with integers and addresses only, so that
// Java need not know the types of one MPI or another. One thread at a time calls them.
#include <mpi.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EQV_EXPORT __attribute__((visibility("default")))

// A message has at most this many bytes, because MPI counts with int.
static const int64_t kMost = (int64_t)1 << 30;
static char error_text[MPI_MAX_ERROR_STRING + 1];

static int64_t failed(int code) {
  int length = 0;
  if (code == MPI_SUCCESS) return 0;
  if (MPI_Error_string(code, error_text, &length) != MPI_SUCCESS) length = 0;
  error_text[length] = 0;
  return 1;
}

// Waits without taking the processor from the threads that compute: MPI_Waitall would poll all the time.
static int wait_all(int n, MPI_Request* requests) {
  const struct timespec nap = {0, 50 * 1000};
  int done = 0, code = MPI_SUCCESS;
  for (int polls = 0; code == MPI_SUCCESS && !done; ++polls) {
    if (polls > 100) nanosleep(&nap, NULL);
    code = MPI_Testall(n, requests, &done, MPI_STATUSES_IGNORE);
  }
  return code;
}

// Begins; who[0] is the rank, who[1] how many there are.
EQV_EXPORT int64_t eqv_mpi_begin(int64_t* who) {
  int begun = 0, provided = 0, rank = 0, size = 1;
  MPI_Initialized(&begun);
  if (!begun && failed(MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided))) return 1;
  if (!begun && provided < MPI_THREAD_SERIALIZED) {
    strcpy(error_text, "this MPI cannot be called by a thread that is not the process's first one");
    return 1;
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  who[0] = rank;
  who[1] = size;
  return 0;
}

// Sends to each rank and receives from it; a length below 0 is for nothing.
EQV_EXPORT int64_t eqv_mpi_exchange(int64_t size, const int64_t* out, const int64_t* out_bytes, const int64_t* in,
                                    const int64_t* in_bytes) {
  int64_t count = 0;
  for (int64_t r = 0; r < size; ++r) {
    count += (out_bytes[r] >= 0 ? out_bytes[r] / kMost + 1 : 0) + (in_bytes[r] >= 0 ? in_bytes[r] / kMost + 1 : 0);
  }
  MPI_Request* requests = malloc((size_t)(count + 1) * sizeof(MPI_Request));
  if (!requests) {
    strcpy(error_text, "out of memory");
    return 1;
  }
  int n = 0, code = MPI_SUCCESS;
  for (int64_t r = 0; r < size && code == MPI_SUCCESS; ++r) {
    for (int64_t at = 0; in_bytes[r] >= 0 && at <= in_bytes[r] && code == MPI_SUCCESS; at += kMost) {
      int64_t left = in_bytes[r] - at;
      code = MPI_Irecv((char*)(intptr_t)in[r] + at, (int)(left < kMost ? left : kMost), MPI_BYTE, (int)r, 0, MPI_COMM_WORLD,
                       &requests[n++]);
    }
  }
  for (int64_t r = 0; r < size && code == MPI_SUCCESS; ++r) {
    for (int64_t at = 0; out_bytes[r] >= 0 && at <= out_bytes[r] && code == MPI_SUCCESS; at += kMost) {
      int64_t left = out_bytes[r] - at;
      code = MPI_Isend((const char*)(intptr_t)out[r] + at, (int)(left < kMost ? left : kMost), MPI_BYTE, (int)r, 0, MPI_COMM_WORLD,
                       &requests[n++]);
    }
  }
  if (code == MPI_SUCCESS) code = wait_all(n, requests);
  free(requests);
  return failed(code);
}

// Ends all ranks.
EQV_EXPORT int64_t eqv_mpi_abort(int64_t code) { return failed(MPI_Abort(MPI_COMM_WORLD, (int)code)); }

// Ends MPI in this rank, without an error.
EQV_EXPORT int64_t eqv_mpi_end(void) {
  int ended = 0;
  MPI_Finalized(&ended);
  return ended ? 0 : failed(MPI_Finalize());
}

// Copies a text of at most bytes, with its 0: which MPI this is (what = 0), or what failed last (1).
EQV_EXPORT int64_t eqv_mpi_text(int64_t what, char* to, int64_t bytes) {
  char library[MPI_MAX_LIBRARY_VERSION_STRING + 1] = "";
  int length = 0;
  if (what == 0) MPI_Get_library_version(library, &length);
  const char* from = what == 0 ? library : error_text;
  strncpy(to, from, (size_t)bytes - 1);
  to[bytes - 1] = 0;
  return 0;
}
