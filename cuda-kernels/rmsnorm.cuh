// The scale of RMSNorm, 1 / sqrt(mean(x^2) + eps), of a run of n elements, by a block. Shared by
// rmsnorm.cu and rmsnorm_matmul.cu.
//
// Thread t takes the elements 4t..4t+3 of every sweep of 4 * threads and keeps one sum for each of
// the four, in ascending order; a thread's sums are added as (0 + 1) + (2 + 3), those of the
// threads in the tree of BlockSum. The block's size depends on n alone: one warp for the short runs
// of QK norms, else 256 threads or 512.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

#include "reduce.cuh"
#include "row.cuh"
#include "unroll.cuh"

namespace jangle {

// The longest runs that 32 and 256 threads hold in their registers.
inline constexpr int kShortRun = 512;
inline constexpr int kMiddleRun = 4096;
inline constexpr int kHeld = 4;  // groups of four elements in a thread's registers

template <int kThreads>
struct RmsnormShared {
  float warps[kThreads / 32];
};

// kVector: row is a multiple of 16 and n is a multiple of 4.
template <bool kVector>
__device__ __forceinline__ float4 Read4(const float* row, int64_t i, int64_t n) {
  if (i >= n) return make_float4(0, 0, 0, 0);
  return kVector ? *reinterpret_cast<const float4*>(row + i) : Load4(row, i, n, false, 0);
}

__device__ __forceinline__ void AddSquares(float4& sum, float4 v) {
  sum.x = fmaf(v.x, v.x, sum.x);
  sum.y = fmaf(v.y, v.y, sum.y);
  sum.z = fmaf(v.z, v.z, sum.z);
  sum.w = fmaf(v.w, v.w, sum.w);
}

// `held`: the thread's first elements; of runs of more than 4 * kHeld * kThreads the rest is read
// here. All threads call and all get the scale.
template <int kThreads, bool kVector>
__device__ __forceinline__ float RmsScale(int64_t n, const float* x, float eps,
                                          const float4 (&held)[kHeld],
                                          RmsnormShared<kThreads>& shared) {
  constexpr int64_t kStep = 4 * kThreads;
  float4 sum = make_float4(0, 0, 0, 0);
  JG_UNROLL
  for (int j = 0; j < kHeld; j++) AddSquares(sum, held[j]);
  JG_NO_UNROLL
  for (int64_t i = 4 * static_cast<int64_t>(threadIdx.x) + kHeld * kStep; i < n; i += kStep) {
    AddSquares(sum, Read4<kVector>(x, i, n));
  }
  const float total = BlockSum<kThreads>((sum.x + sum.y) + (sum.z + sum.w), shared.warps);
  return 1.0f / sqrtf(total / static_cast<float>(n) + eps);
}

// Calls run with the number of threads of a block for runs of n, as a constant.
template <typename Run>
auto WithRmsnormThreads(int64_t n, const Run& run) {
  if (n <= kShortRun) return run(std::integral_constant<int, 32>());
  if (n <= kMiddleRun) return run(std::integral_constant<int, 256>());
  return run(std::integral_constant<int, 512>());
}

}  // namespace jangle
