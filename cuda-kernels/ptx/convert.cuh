// Conversions between f32 and 16-bit formats held as bits, rounding to nearest even. Written
// without cuda_fp16.h, so that the same source compiles without the toolkit.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#ifdef JANGLE_EMULATION
#include "emulation/device.h"
#endif

namespace jangle {

__device__ __forceinline__ float HalfToFloat(uint16_t half) {
#ifdef JANGLE_EMULATION
  return emulation::HalfToFloat(half);
#else
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(half));
  return value;
#endif
}

// Values beyond the range become infinite.
__device__ __forceinline__ uint16_t FloatToHalf(float value) {
#ifdef JANGLE_EMULATION
  return emulation::FloatToHalf(value);
#else
  uint16_t half;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(value));
  return half;
#endif
}

__device__ __forceinline__ float Bf16ToFloat(uint16_t bits) {
  return __uint_as_float(static_cast<uint32_t>(bits) << 16);
}

__device__ __forceinline__ uint16_t FloatToBf16(float value) {
#ifdef JANGLE_EMULATION
  return emulation::FloatToBf16(value);
#else
  uint16_t bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
#endif
}

// Two values in one register, `low` in the low half, as mma fragments want them.
__device__ __forceinline__ uint32_t PackHalf2(float low, float high) {
  return static_cast<uint32_t>(FloatToHalf(low)) | (static_cast<uint32_t>(FloatToHalf(high)) << 16);
}

// As PackHalf2, but values beyond the range become the largest of it. NaN stays NaN.
__device__ __forceinline__ uint32_t PackHalf2Saturated(float low, float high) {
#ifdef JANGLE_EMULATION
  return PackHalf2(emulation::WithinHalf(low), emulation::WithinHalf(high));
#else
  uint32_t halves;
  asm("cvt.rn.satfinite.f16x2.f32 %0, %1, %2;" : "=r"(halves) : "f"(high), "f"(low));
  return halves;
#endif
}

__device__ __forceinline__ uint32_t PackBf16x2(float low, float high) {
  return static_cast<uint32_t>(FloatToBf16(low)) | (static_cast<uint32_t>(FloatToBf16(high)) << 16);
}

}  // namespace jangle
