// Tensor cores of sm_80 and newer, a warp at a time: ldmatrix and mma.sync. A fragment register holds two bf16.
// Layouts: PTX ISA, "Matrix fragments for mma.m16n8k16" and "ldmatrix".
#pragma once

#include "common/async_copy.h"
#include "common/dtype.h"

namespace eqv::gpu {

// Four 8×8 matrices of bf16. Lane l gives the address of row l % 8 of matrix l / 8, a multiple of 16 bytes; register i
// gets, of matrix i, columns 2(l % 4) and 2(l % 4) + 1 of row l / 4. With kTransposed, of the transposed matrices.
template <bool kTransposed>
__device__ void load_matrices(uint32_t (&out)[4], const void* row) {
#if defined(__CUDA_ARCH__)
  if constexpr (kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(shared_address(row)));
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(shared_address(row)));
  }
#elif !defined(__CUDACC__)
  if (reinterpret_cast<uintptr_t>(row) % 16) simt::die("ldmatrix: a row is not at a multiple of 16 bytes");
  simt::warp_operation(
      kAllLanes, kTransposed ? "ldmatrix.trans" : "ldmatrix", &row, sizeof row, out, sizeof out,
      [](unsigned, const simt::Lanes& in, simt::Lanes& result) {
        for (int lane = 0; lane < 32; ++lane) {
          uint16_t values[4][2];
          for (int m = 0; m < 4; ++m)
            for (int i = 0; i < 2; ++i) {
              const int line = lane / 4, column = 2 * (lane % 4) + i;
              const uint16_t* from;
              std::memcpy(&from, in[m * 8 + (kTransposed ? column : line)], sizeof from);
              values[m][i] = from[kTransposed ? line : column];
            }
          std::memcpy(result[lane], values, sizeof values);
        }
      });
#endif
}

#if !defined(__CUDACC__)
// c{16×8} += a{16×kDepth} · b{kDepth×8} of the shim: a register holds two neighbours of the depth in bf16 (16 of them), or
// one number of fp32 (8).
template <int kDepth>
void multiply_fragments(const char* name, float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  constexpr int kNumbers = kDepth / 8;
  struct Lane {
    uint32_t a[4], b[2];
    float c[4];
  } mine;
  std::memcpy(mine.a, a, sizeof a);
  std::memcpy(mine.b, b, sizeof b);
  std::memcpy(mine.c, c, sizeof c);
  simt::warp_operation(kAllLanes, name, &mine, sizeof mine, c, sizeof c,
                       [](unsigned, const simt::Lanes& in, simt::Lanes& out) {
    const auto number = [](uint32_t bits, int i) {
      if constexpr (kNumbers == 1) return __builtin_bit_cast(float, bits);
      else return dtype::widen(dtype::Bf16{static_cast<uint16_t>(i ? bits >> 16 : bits)});
    };
    float left[16][kDepth], right[kDepth][8], sum[16][8];
    for (int lane = 0; lane < 32; ++lane) {
      Lane l;
      std::memcpy(&l, in[lane], sizeof l);
      const int g = lane / 4, t = lane % 4;
      for (int i = 0; i < kNumbers; ++i) {
        for (int r = 0; r < 4; ++r) left[g + r % 2 * 8][kNumbers * t + r / 2 * (kDepth / 2) + i] = number(l.a[r], i);
        for (int r = 0; r < 2; ++r) right[kNumbers * t + r * (kDepth / 2) + i][g] = number(l.b[r], i);
      }
      for (int r = 0; r < 4; ++r) sum[g + r / 2 * 8][2 * t + r % 2] = l.c[r];
    }
    for (int i = 0; i < 16; ++i)
      for (int k = 0; k < kDepth; ++k)
        for (int j = 0; j < 8; ++j) sum[i][j] += left[i][k] * right[k][j];
    for (int lane = 0; lane < 32; ++lane) {
      const int g = lane / 4, t = lane % 4;
      const float four[4] = {sum[g][2 * t], sum[g][2 * t + 1], sum[g + 8][2 * t], sum[g + 8][2 * t + 1]};
      std::memcpy(out[lane], four, sizeof four);
    }
  });
}
#endif

// c{16×8, fp32} += a{16×16} · b{16×8}. With g = lane / 4 and t = lane % 4: a holds rows g and g + 8 (alternating
// registers) at columns 2t and 2t + 8 (register pairs), b rows 2t and 2t + 8 of column g, c rows g and g + 8 at columns 2t.
__device__ inline void multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if defined(__CUDA_ARCH__)
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#elif !defined(__CUDACC__)
  multiply_fragments<16>("mma.m16n8k16", c, a, b);
#endif
}

// An fp32 number rounded to TF32, as the tensor cores multiply it: to the nearest with 10 bits of fraction, ties away from 0.
__device__ inline uint32_t round_to_tf32(uint32_t bits) {
#if defined(__CUDA_ARCH__)
  uint32_t rounded;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(__uint_as_float(bits)));
  return rounded;
#else
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fffffffu;
  return (bits + 0x1000u) & 0xffffe000u;
#endif
}

// c{16×8, fp32} += a{16×8} · b{8×8} of numbers that are rounded so. With g = lane / 4 and t = lane % 4: a holds rows g and
// g + 8 (alternating registers) at columns t and t + 4 (register pairs), b rows t and t + 4 of column g, c as above.
__device__ inline void multiply_add_tf32(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if defined(__CUDA_ARCH__)
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#elif !defined(__CUDACC__)
  for (uint32_t bits : {a[0], a[1], a[2], a[3], b[0], b[1]})
    if (bits & 0x1fffu && bits != 0x7fffffffu) simt::die("mma.m16n8k8.tf32: a factor is not rounded to TF32");
  multiply_fragments<8>("mma.m16n8k8.tf32", c, a, b);
#endif
}

}  // namespace eqv::gpu
