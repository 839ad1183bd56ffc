// mma.sync of 8-bit integers with a third operand of its own: D = A * B + C. The fragments are
// those of mma.cuh.
#pragma once

#include "ptx/mma.cuh"

namespace jangle {

// m16n8k32, signed 8-bit operands, exact 32-bit sums; all four elements of C are `c`.
__device__ __forceinline__ void MmaS8From(int32_t (&d)[4], const uint32_t (&a)[4],
                                          const uint32_t (&b)[2], int32_t c) {
#ifdef JANGLE_EMULATION
  for (int32_t& element : d) element = c;
  emulation::MmaS8(d, a, b);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %10, %10, %10};"
      : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(c));
#endif
}

}  // namespace jangle
