// The softmax weights of a row, as integers: exp((logit - largest) / temperature) * 2^s, rounded
// down, with the largest s for which no sum over the row leaves 62 bits. For 128k tokens a weight
// has 44 bits behind the point, so next to nothing is lost to rounding, and sums are exact in any
// order.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "order.cuh"
#include "reduce.cuh"
#include "select.cuh"
#include "unroll.cuh"

namespace jangle {

__device__ __forceinline__ float Scaled(float logit, float largest, float temperature) {
  return (logit - largest) / temperature;
}

struct Weights {
  float largest;  // finite
  float temperature;
  float unit;  // 2^s

  __device__ __forceinline__ Weights(float row_largest, float row_temperature, int64_t n)
      : largest(row_largest), temperature(row_temperature) {
    const int s = 30 + __clz(static_cast<int>(n));
    unit = __uint_as_float(static_cast<uint32_t>(127 + s) << 23);
  }
  __device__ __forceinline__ uint64_t Of(float logit) const {
    return static_cast<uint64_t>(expf(Scaled(logit, largest, temperature)) * unit);
  }
  __device__ __forceinline__ uint64_t operator()(uint64_t rank) const {
    return Of(RankLogit(rank));
  }
  // Logits within e^-4, e^-8 and e^-12 of the largest.
  __device__ __forceinline__ float Level(int j) const {
    return largest - 4.0f * static_cast<float>(j + 1) * temperature;
  }
};

// What there is in all, and down to each of the levels.
struct WeightSums {
  static constexpr int kLevels = 3;
  uint64_t total;
  uint64_t near[kLevels];
};

// This thread's share of the tokens [begin, end) with rank >= least.
template <int kThreads>
__device__ __forceinline__ WeightSums ThreadWeights(const Tokens& tokens, int64_t begin,
                                                    int64_t end, const Weights& weights,
                                                    uint64_t least) {
  WeightSums sums = {0, {0, 0, 0}};
  for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) {
    const uint64_t rank = tokens.Rank(i);
    if (rank < least) continue;
    const float logit = RankLogit(rank);
    const uint64_t weight = weights.Of(logit);
    sums.total += weight;
    JG_UNROLL
    for (int j = 0; j < WeightSums::kLevels; j++) {
      if (logit >= weights.Level(j)) sums.near[j] += weight;
    }
  }
  return sums;
}

// The sum over the block. Begins with a barrier.
template <int kThreads>
__device__ __forceinline__ WeightSums BlockWeights(WeightSums sums,
                                                   uint64_t (&shared)[kThreads / 32]) {
  __syncthreads();
  sums.total = BlockSum<kThreads>(sums.total, shared);
  JG_UNROLL
  for (int j = 0; j < WeightSums::kLevels; j++) {
    __syncthreads();
    sums.near[j] = BlockSum<kThreads>(sums.near[j], shared);
  }
  return sums;
}

}  // namespace jangle
