// A function that kernels and the CPU backend share.
#pragma once

#if defined(__CUDACC__)
#define EQV_HOST_DEVICE __host__ __device__
#else
#define EQV_HOST_DEVICE
#endif
