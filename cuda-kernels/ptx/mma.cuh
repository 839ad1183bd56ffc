// mma.sync: D += A * B of one warp, all 32 lanes together. Shapes and fragment layouts as in the
// PTX ISA, "Warp-level matrix instructions: mma". With g = lane / 4 and t = lane % 4:
//
// m16n8k16, 16-bit (A 16 x 16 row-major, B 16 x 8 column-major; a register holds two neighbours
// along k, the lower in the low half):
//   a[0] = A[g][2t..2t+1]      a[1] = A[g+8][2t..2t+1]
//   a[2] = A[g][2t+8..2t+9]    a[3] = A[g+8][2t+8..2t+9]
//   b[0] = B[2t..2t+1][g]      b[1] = B[2t+8..2t+9][g]
// m16n8k32, 8-bit (a register holds four neighbours along k, the lowest in the low byte):
//   a[0] = A[g][4t..4t+3]      a[1] = A[g+8][4t..4t+3]
//   a[2] = A[g][4t+16..4t+19]  a[3] = A[g+8][4t+16..4t+19]
//   b[0] = B[4t..4t+3][g]      b[1] = B[4t+16..4t+19][g]
// Both:
//   d[0] = D[g][2t]  d[1] = D[g][2t+1]  d[2] = D[g+8][2t]  d[3] = D[g+8][2t+1]
//
// A column of D depends on its own column of B only, whatever the others hold: that is what makes
// a token's result independent of how many are in flight.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#ifdef JANGLE_EMULATION
#include "emulation/device.h"
#endif

namespace jangle {

// m16n8k16, bf16 operands, f32 sums.
__device__ __forceinline__ void MmaBf16(float (&d)[4], const uint32_t (&a)[4],
                                        const uint32_t (&b)[2]) {
#ifdef JANGLE_EMULATION
  emulation::MmaBf16(d, a, b);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// m16n8k16, f16 operands, f32 sums.
__device__ __forceinline__ void MmaF16(float (&d)[4], const uint32_t (&a)[4],
                                       const uint32_t (&b)[2]) {
#ifdef JANGLE_EMULATION
  emulation::MmaF16(d, a, b);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

}  // namespace jangle
