// Reductions over a warp and over a block, in fixed trees: sums of floats always add the same
// pairs. All threads call and all get the result. The block forms pass through shared memory of one
// word per warp; a barrier must lie between two uses of the same words.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace jangle {

inline constexpr unsigned kAllLanes = 0xffffffffu;

__device__ __forceinline__ uint64_t ShuffleXor(uint64_t value, int lanes) {
  return __shfl_xor_sync(kAllLanes, static_cast<unsigned long long>(value), lanes);
}

__device__ __forceinline__ uint64_t ShuffleUp(uint64_t value, unsigned lanes) {
  return __shfl_up_sync(kAllLanes, static_cast<unsigned long long>(value), lanes);
}

// Lanes 16 apart, then 8, 4, 2, 1.
__device__ __forceinline__ float WarpSum(float value) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_xor_sync(kAllLanes, value, lanes);
  return value;
}

__device__ __forceinline__ double WarpSum(double value) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_xor_sync(kAllLanes, value, lanes);
  return value;
}

__device__ __forceinline__ uint64_t WarpSum(uint64_t value) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value += ShuffleXor(value, lanes);
  return value;
}

// A NaN among the values is lost.
__device__ __forceinline__ float WarpMax(float value) {
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, lanes));
  }
  return value;
}

__device__ __forceinline__ uint64_t WarpMax(uint64_t value) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value = max(value, ShuffleXor(value, lanes));
  return value;
}

// Within warps, then over the warps in the same tree.
template <int kThreads, typename T>
__device__ __forceinline__ T BlockSum(T value, T (&shared)[kThreads / 32]) {
  constexpr int kBlockWarps = kThreads / 32;
  const int lane = static_cast<int>(threadIdx.x % 32);
  value = WarpSum(value);
  if (lane == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  return WarpSum(lane < kBlockWarps ? shared[lane] : T{});
}

template <int kThreads, typename T>
__device__ __forceinline__ T BlockMax(T value, T (&shared)[kThreads / 32]) {
  constexpr int kBlockWarps = kThreads / 32;
  const int lane = static_cast<int>(threadIdx.x % 32);
  value = WarpMax(value);
  if (lane == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  return WarpMax(shared[lane % kBlockWarps]);
}

// The sum of the threads before this one.
template <int kThreads>
__device__ __forceinline__ uint64_t BlockSumBefore(uint64_t value,
                                                   uint64_t (&shared)[kThreads / 32]) {
  constexpr unsigned kBlockWarps = kThreads / 32;
  const unsigned lane = threadIdx.x % 32;
  const unsigned warp = threadIdx.x / 32;
  uint64_t sum = value;
  for (unsigned lanes = 1; lanes < 32; lanes *= 2) {
    const uint64_t other = ShuffleUp(sum, lanes);
    if (lane >= lanes) sum += other;
  }
  if (lane == 31) shared[warp] = sum;
  __syncthreads();
  const uint64_t warps_before =
      WarpSum(lane < kBlockWarps && lane < warp ? shared[lane] : uint64_t{0});
  return warps_before + sum - value;
}

}  // namespace jangle
