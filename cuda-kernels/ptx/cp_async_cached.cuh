// cp.async that also keeps the line in L1: for data that other blocks of the same multiprocessor
// read at about the same time. The groups and waits are those of cp_async.cuh.
#pragma once

#include "ptx/cp_async.cuh"

namespace jangle {

// 16 bytes; both addresses are multiples of 16. Cached in L1 and L2.
__device__ __forceinline__ void CpAsync16Cached(void* shared, const void* global) {
#ifdef JANGLE_EMULATION
  emulation::CpAsync(shared, global, 16, 16);
#else
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" ::"r"(SharedAddress(shared)), "l"(global)
               : "memory");
#endif
}

}  // namespace jangle
