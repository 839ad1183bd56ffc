// A 16-byte store to global memory as one instruction: left to itself the compiler splits it in
// four where the values come from longer expressions. PTX ISA, "Data Movement and Conversion
// Instructions: st".
#pragma once

#include <cuda_runtime.h>

namespace jangle {

// `to` is a multiple of 16.
__device__ __forceinline__ void StoreVector(float* to, float4 value) {
#ifdef JANGLE_EMULATION
  *reinterpret_cast<float4*>(to) = value;
#else
  asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(to)),
               "f"(value.x), "f"(value.y), "f"(value.z), "f"(value.w)
               : "memory");
#endif
}

}  // namespace jangle
