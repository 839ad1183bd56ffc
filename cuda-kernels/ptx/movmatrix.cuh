// movmatrix: transposes an 8 x 8 matrix of 16-bit elements that one warp holds. Lane l gives
// elements [l/4][2(l%4)..+1] and receives these elements of the transpose, the lower column in the
// low half. PTX ISA, "Warp-level matrix transpose instruction: movmatrix".
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#ifdef JANGLE_EMULATION
#include "emulation/device.h"
#endif

namespace jangle {

__device__ __forceinline__ uint32_t MovmatrixTransposed(uint32_t elements) {
#ifdef JANGLE_EMULATION
  return emulation::MovmatrixTransposed(elements);
#else
  uint32_t transposed;
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(transposed) : "r"(elements));
  return transposed;
#endif
}

}  // namespace jangle
