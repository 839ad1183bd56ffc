// cp.async: copies from global to shared memory that pass by the registers (sm_80 and later).
// Copies of one thread form groups; CpAsyncWait<N> waits until at most N of its own newest groups
// are still under way. What other threads copied is seen only after a barrier that follows their
// wait. PTX ISA, "Data Movement and Conversion Instructions: Asynchronous copy".
#pragma once

#include <cuda_runtime.h>

#include "ptx/shared.cuh"

namespace jangle {

// 16 bytes; both addresses are multiples of 16. Cached in L2 only.
__device__ __forceinline__ void CpAsync16(void* shared, const void* global) {
#ifdef JANGLE_EMULATION
  emulation::CpAsync(shared, global, 16, 16);
#else
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(SharedAddress(shared)), "l"(global)
               : "memory");
#endif
}

// As CpAsync16, but writes 16 zero bytes where `valid` is false; `global` is then not read.
__device__ __forceinline__ void CpAsync16OrZero(void* shared, const void* global, bool valid) {
#ifdef JANGLE_EMULATION
  emulation::CpAsync(shared, global, 16, valid ? 16 : 0);
#else
  const int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(SharedAddress(shared)),
               "l"(global), "r"(bytes)
               : "memory");
#endif
}

// Closes the group of the copies since the last call; a group may be empty.
__device__ __forceinline__ void CpAsyncCommit() {
#ifdef JANGLE_EMULATION
  emulation::CpAsyncCommit();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

template <int kNewest>
__device__ __forceinline__ void CpAsyncWait() {
#ifdef JANGLE_EMULATION
  emulation::CpAsyncWait(kNewest);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(kNewest) : "memory");
#endif
}

}  // namespace jangle
