// Dynamic shared memory and its addresses.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#ifdef JANGLE_EMULATION
#include "emulation/device.h"
#endif

namespace jangle {

// The block's dynamic shared memory as one struct, aligned to 128 bytes. Kernels have no other
// shared memory, so a launch's shared_bytes is sizeof(T), or more where T ends in an open array.
template <typename T>
__device__ __forceinline__ T& SharedMemory() {
#ifdef JANGLE_EMULATION
  return *static_cast<T*>(emulation::SharedMemory());
#else
  extern __shared__ __align__(128) unsigned char jangle_shared_memory[];
  return *reinterpret_cast<T*>(jangle_shared_memory);
#endif
}

#ifndef JANGLE_EMULATION
__device__ __forceinline__ uint32_t SharedAddress(const void* shared) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}
#endif

}  // namespace jangle
