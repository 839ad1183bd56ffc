// Named barriers: a barrier among some warps of a block. Barrier 0 is __syncthreads.
// PTX ISA, "Parallel synchronization and communication instructions: bar".
#pragma once

#include <cuda_runtime.h>

#ifdef JANGLE_EMULATION
#include "emulation/device.h"
#endif

namespace jangle {

// Waits until `threads` threads (a multiple of 32, whole warps) have come to barrier `id` (1..15).
__device__ __forceinline__ void NamedBarrier(int id, int threads) {
#ifdef JANGLE_EMULATION
  emulation::NamedBarrier(id, threads);
#else
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
#endif
}

}  // namespace jangle
