// Four neighbours of a row of floats at a time: 16-byte accesses where the addresses allow them,
// else one by one. Which thread gets which element is the same in both cases, so the arithmetic is.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "ptx/store.cuh"

namespace jangle {

__device__ __forceinline__ bool Aligned16(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % 16 == 0;
}

// Elements i..i+3, `missing` for those at `end` and behind. i < end; `aligned` is Aligned16(row +
// i).
__device__ __forceinline__ float4 Load4(const float* row, int64_t i, int64_t end, bool aligned,
                                        float missing) {
  if (aligned && i + 4 <= end) return *reinterpret_cast<const float4*>(row + i);
  float4 v = make_float4(row[i], missing, missing, missing);
  if (i + 1 < end) v.y = row[i + 1];
  if (i + 2 < end) v.z = row[i + 2];
  if (i + 3 < end) v.w = row[i + 3];
  return v;
}

// Writes those of the elements i..i+3 that lie before `end`.
__device__ __forceinline__ void Store4(float* row, int64_t i, int64_t end, bool aligned, float4 v) {
  if (aligned && i + 4 <= end) {
    StoreVector(row + i, v);
    return;
  }
  row[i] = v.x;
  if (i + 1 < end) row[i + 1] = v.y;
  if (i + 2 < end) row[i + 2] = v.z;
  if (i + 3 < end) row[i + 3] = v.w;
}

}  // namespace jangle
