// Fragments in shared memory, and where the accumulators of an mma stand (ptx/mma.cuh).
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace jangle {

// The lane's 16 bytes of a fragment as four registers.
__device__ __forceinline__ void LoadFragment(uint32_t (&r)[4], const uint8_t* fragment, int lane) {
  const uint4 words = *reinterpret_cast<const uint4*>(fragment + lane * 16);
  r[0] = words.x;
  r[1] = words.y;
  r[2] = words.z;
  r[3] = words.w;
}

struct MmaAccumulators {
  static __device__ __forceinline__ int Output(int lane, int i) { return lane / 4 + i / 2 * 8; }
  static __device__ __forceinline__ int Token(int lane, int i) { return lane % 4 * 2 + i % 2; }
};

}  // namespace jangle
