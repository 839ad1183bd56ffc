// Logits as integers in the order of preference: a larger logit ranks higher, among equals the
// lower id. No two tokens of a row have the same rank, so a maximum or a sorted list of ranks does
// not depend on the order in which tokens were looked at.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace jangle {

// Stands in a maximum of ranks for a row with a NaN: above the rank of every number.
inline constexpr uint64_t kNanRank = ~uint64_t{0};

// Unsigned integers in the order of the floats, -0 as 0. Of numbers, not of NaN.
__device__ __forceinline__ uint32_t ToKey(float x) {
  const uint32_t bits = __float_as_uint(x + 0.0f);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

__device__ __forceinline__ float FromKey(uint32_t key) {
  return __uint_as_float((key & 0x80000000u) != 0 ? key & 0x7fffffffu : ~key);
}

__device__ __forceinline__ uint64_t ToRank(float x, int64_t id) {
  return (static_cast<uint64_t>(ToKey(x)) << 32) | ~static_cast<uint32_t>(id);
}

// The lowest rank that a token with this logit can have.
__device__ __forceinline__ uint64_t LeastRank(float x) {
  return static_cast<uint64_t>(ToKey(x)) << 32;
}

__device__ __forceinline__ float RankLogit(uint64_t rank) {
  return FromKey(static_cast<uint32_t>(rank >> 32));
}

__device__ __forceinline__ int32_t RankId(uint64_t rank) {
  return static_cast<int32_t>(~static_cast<uint32_t>(rank));
}

}  // namespace jangle
