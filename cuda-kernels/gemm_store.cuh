// The end of a product of jg_gemm: sums to c, or to the partial sums where k is cut in parts.
#pragma once

#include "gemm_plan.cuh"
#include "ptx/store.cuh"
#include "unroll.cuh"

namespace jangle {

// c[row][column] from the sum over all of k.
__device__ __forceinline__ float GemmOutput(const GemmPlan& plan, float sum, float before) {
  return plan.accumulate ? fmaf(plan.alpha, sum, before) : plan.alpha * sum;
}

// kCount (2 or 4) neighbours, as one store where they fill an aligned vector.
template <int kCount>
__device__ __forceinline__ void StoreNeighbours(float* to, const float (&v)[kCount]) {
  if constexpr (kCount == 4) {
    StoreVector(to, make_float4(v[0], v[1], v[2], v[3]));
  } else {
    *reinterpret_cast<float2*>(to) = make_float2(v[0], v[1]);
  }
}

// kCount neighbours of c from (row, column) on; those past the end are dropped.
template <int kCount>
__device__ __forceinline__ void StoreOutputs(const GemmPlan& plan, int64_t row, int64_t column,
                                             const float (&sums)[kCount]) {
  if (row >= plan.m) return;
  float* c = plan.c + row * plan.ldc + column;
  if (column + kCount <= plan.n && reinterpret_cast<uintptr_t>(c) % (4 * kCount) == 0) {
    float v[kCount] = {};
    if (plan.accumulate) {
      if constexpr (kCount == 4) {
        const float4 before = *reinterpret_cast<const float4*>(c);
        v[0] = before.x;
        v[1] = before.y;
        v[2] = before.z;
        v[3] = before.w;
      } else {
        const float2 before = *reinterpret_cast<const float2*>(c);
        v[0] = before.x;
        v[1] = before.y;
      }
    }
    JG_UNROLL
    for (int i = 0; i < kCount; i++) v[i] = GemmOutput(plan, sums[i], v[i]);
    StoreNeighbours(c, v);
    return;
  }
  JG_UNROLL
  for (int i = 0; i < kCount; i++) {
    if (column + i < plan.n) c[i] = GemmOutput(plan, sums[i], plan.accumulate ? c[i] : 0.0f);
  }
}

// The sums of part blockIdx.y, kCount neighbours from (row, column) on.
template <int kCount>
__device__ __forceinline__ void StoreSums(const GemmPlan& plan, int64_t row, int64_t column,
                                          const float (&sums)[kCount]) {
  if (plan.parts == 1) {
    StoreOutputs(plan, row, column, sums);
  } else {
    const int64_t line = blockIdx.y * plan.PaddedM() + row;
    StoreNeighbours(plan.partials + line * plan.PaddedN() + column, sums);
  }
}

}  // namespace jangle
