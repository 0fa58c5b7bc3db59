// The types of nccl.h that eqvae uses, with NCCL's names and values. No file of NCCL is needed to build eqvae; a test compares
// these with nccl.h where there is one (header_test.cpp). To be included once, after <cstddef>, inside a namespace or outside.
typedef struct {
  char internal[128];
} ncclUniqueId;

typedef enum {
  ncclSuccess = 0,
  ncclUnhandledCudaError = 1,
  ncclSystemError = 2,
  ncclInternalError = 3,
  ncclInvalidArgument = 4,
  ncclInvalidUsage = 5,
  ncclRemoteError = 6,
  ncclInProgress = 7
} ncclResult_t;

typedef enum { ncclInt8 = 0, ncclFloat32 = 7 } ncclDataType_t;
typedef enum { ncclSum = 0 } ncclRedOp_t;

// The beginning of NCCL's struct, as it was in 2.18. A later library takes its own defaults for the fields that are missing:
// `size` tells it how many there are.
typedef struct {
  size_t size;
  unsigned int magic;
  unsigned int version;
  int blocking;
  int cgaClusterSize;
  int minCTAs;
  int maxCTAs;
  const char* netName;
  int splitShare;
} ncclConfig_t;
