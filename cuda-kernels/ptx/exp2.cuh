// 2^x as the special function unit has it, to 2^-22 of itself; what would be subnormal is zero,
// which spares exp2f's scaling. PTX ISA, "Floating Point Instructions: ex2".
#pragma once

#include <cuda_runtime.h>

#ifdef JANGLE_EMULATION
#include <cmath>
#endif

namespace jangle {

__device__ __forceinline__ float Exp2(float x) {
#ifdef JANGLE_EMULATION
  return x < -126.0f ? 0.0f : std::exp2(x);
#else
  float value;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(value) : "f"(x));
  return value;
#endif
}

}  // namespace jangle
