// ldmatrix: loads 8 x 8 matrices of 16-bit elements from shared memory into mma fragments, one
// warp together. Lanes 8i..8i+7 give the addresses (multiples of 16) of the rows 0..7 of matrix i.
// Lane l receives elements [l/4][2(l%4)..+1] of matrix i in r[i], or of its transpose.
// PTX ISA, "Warp-level matrix load instruction: ldmatrix".
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "ptx/shared.cuh"

namespace jangle {

__device__ __forceinline__ void Ldmatrix4(uint32_t (&r)[4], const void* shared_row) {
#ifdef JANGLE_EMULATION
  emulation::Ldmatrix(r, 4, shared_row, false);
#else
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(SharedAddress(shared_row))
               : "memory");
#endif
}

__device__ __forceinline__ void Ldmatrix4Transposed(uint32_t (&r)[4], const void* shared_row) {
#ifdef JANGLE_EMULATION
  emulation::Ldmatrix(r, 4, shared_row, true);
#else
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(SharedAddress(shared_row))
               : "memory");
#endif
}

}  // namespace jangle
