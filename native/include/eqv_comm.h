/*
 * eqv_comm.h: GPUs of several processes, through NCCL. The libraries of eqv.h that have a GPU's streams (cuda, and simt in tests)
 * also export these functions, by the same rules; the others do not have them. NCCL itself is opened at run time.
 *
 * A communicator belongs to one device and is used by one thread at a time. Nothing here waits for other ranks but
 * eqv_comm_close. Every function that gives NCCL work only begins it; eqv_comm_wait waits, for a limited time. After an error
 * of NCCL, every later call fails, and eqv_comm_close ends what still runs.
 */
#ifndef EQV_COMM_H
#define EQV_COMM_H

#include "eqv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rises with every change of a function below. */
#define EQV_COMM_VERSION 1
enum { EQV_COMM_ID_BYTES = 128 };

typedef struct eqv_comm_s* eqv_comm;

EQV_API eqv_status eqv_comm_version(int64_t* version);
/* How many devices this process sees. */
EQV_API eqv_status eqv_comm_devices(int64_t* count);
/* Opens the library of NCCL, once for the process; file: its path, or NULL for libnccl.so.2 of the system. version: as in
 * nccl.h, 22703 for 2.27.3. EQV_NO_DEVICE if there is none, with the loader's reason. */
EQV_API eqv_status eqv_comm_load(const char* file, int64_t* version);
/* Makes the identifier of a new group of ranks: one rank calls it, and gives it to the others. */
EQV_API eqv_status eqv_comm_id(void* id);
/* Begins to meet the other ranks, which call it with the same identifier. It is done when eqv_comm_wait says so. */
EQV_API eqv_status eqv_comm_open(eqv_device device, const void* id, int64_t rank, int64_t size, eqv_comm* out);
/* Sends to other ranks and receives from them. lists has four rows of `size` numbers: addresses to send from, their bytes,
 * addresses to receive at, their bytes; 0 bytes for nothing. */
EQV_API eqv_status eqv_comm_exchange(eqv_comm comm, eqv_stream stream, const int64_t* lists);
/* all: the bytes of every rank, by rank; mine may be this rank's place in it. */
EQV_API eqv_status eqv_comm_all_gather(eqv_comm comm, eqv_stream stream, const void* mine, void* all, int64_t bytes);
/* The sum over all ranks, in an order that NCCL chooses. */
EQV_API eqv_status eqv_comm_all_reduce(eqv_comm comm, eqv_stream stream, const void* mine, void* sum, int64_t floats);
/* Gives all ranks the first one's bytes. */
EQV_API eqv_status eqv_comm_broadcast(eqv_comm comm, eqv_stream stream, void* data, int64_t bytes);
/* Waits at most so long until NCCL has taken the work that it was given and, if there is a stream, until all work of it is
 * done. done: 1 if so, 0 if the time is up. */
EQV_API eqv_status eqv_comm_wait(eqv_comm comm, eqv_stream stream, int64_t milliseconds, int64_t* done);
/* Closes the communicator. If the other ranks do not close it within `milliseconds`, or after an error, work that is still
 * running is aborted. This is not an error: everything that was waited for is done. */
EQV_API eqv_status eqv_comm_close(eqv_comm comm, int64_t milliseconds);

#ifdef __cplusplus
}
#endif
#endif
