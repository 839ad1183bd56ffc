// A thread's share of the search for the largest logit of a row. Shared by argmax.cu, topk.cu and
// sample.cu.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "order.cuh"
#include "row.cuh"
#include "unroll.cuh"

namespace jangle {

// The best so far: the largest of the groups of four seen, and where the first group with it is.
struct LargestGroup {
  float value;
  int64_t at;
  bool nan;

  __device__ __forceinline__ void Look(float4 v, int64_t i) {
    // fmaxf loses a NaN.
    nan = nan || v.x != v.x || v.y != v.y || v.z != v.z || v.w != v.w;
    const float most = fmaxf(fmaxf(v.x, v.y), fmaxf(v.z, v.w));
    if (most > value) {
      value = most;
      at = i;
    }
  }
};

// The rank of the best of this thread's tokens, those with (id - begin) / 4 % kThreads =
// threadIdx.x in [begin, end): 0 where it has none, kNanRank where one is NaN. `begin` is a
// multiple of 4.
template <int kThreads>
__device__ __forceinline__ uint64_t ThreadLargest(const float* row, int64_t begin, int64_t end) {
  constexpr int kLoads = 4;  // in flight per thread: 64 KiB for 1024 threads
  constexpr int64_t kStep = 4 * kThreads;
  const bool aligned = Aligned16(row);
  const float none = __uint_as_float(0xff800000u);  // -inf
  int64_t i = begin + 4 * static_cast<int64_t>(threadIdx.x);
  if (i >= end) return 0;
  LargestGroup best = {none, i, false};
  if (aligned) {
    for (; i + (kLoads - 1) * kStep + 4 <= end; i += kLoads * kStep) {
      float4 v[kLoads];
      JG_UNROLL
      for (int j = 0; j < kLoads; j++) {
        v[j] = *reinterpret_cast<const float4*>(row + i + j * kStep);
      }
      JG_UNROLL
      for (int j = 0; j < kLoads; j++) best.Look(v[j], i + j * kStep);
    }
  }
  for (; i < end; i += kStep) best.Look(Load4(row, i, end, aligned, none), i);
  if (best.nan) return kNanRank;
  int64_t id = best.at;
  while (row[id] != best.value) id++;
  return ToRank(best.value, id);
}

}  // namespace jangle
