// Sums over a row of n elements in the one order that all sums over rows have: 4 * kLanes partial
// sums, element i goes to partial sum i % (4 * kLanes), in ascending order of i; they are added as
// (0 + 1) + (2 + 3) by vector, then across lanes in the fixed tree of SumAcross. Missing elements
// of the last block count as 0, so one rule serves every n.
#pragma once

#include <cstdint>

#include "simd.h"

namespace jangle::JG_TIER_NS {

// The first `lanes` of kLanes elements; the others read as 0.
JG_INLINE F32 LoadLanes(const float* p, int lanes) {
  return lanes >= kLanes ? Load(p) : LoadPart(p, lanes);
}
JG_INLINE void StoreLanes(float* p, F32 v, int lanes) {
  if (lanes >= kLanes) {
    Store(p, v);
  } else {
    StorePart(p, v, lanes);
  }
}

// add(i, lanes, sum) returns the sum with elements [i, i + lanes) added to its lanes.
template <typename Step>
JG_INLINE float SumRow(int64_t n, const Step& add) {
  F32 sum[4] = {Zero(), Zero(), Zero(), Zero()};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) sum[j] = add(i + j * kLanes, kLanes, sum[j]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++, i += kLanes) {
    if (i >= n) break;
    sum[j] = add(i, static_cast<int>(n - i < kLanes ? n - i : kLanes), sum[j]);
  }
  return SumAcross(Add(Add(sum[0], sum[1]), Add(sum[2], sum[3])));
}

JG_INLINE float SumOfSquares(const float* x, int64_t n) {
  return SumRow(n, [x](int64_t i, int lanes, F32 sum) {
    const F32 v = LoadLanes(x + i, lanes);
    return Fma(v, v, sum);
  });
}

// The largest element, -inf where there is none; what it is where there is a NaN is not said.
JG_INLINE float MaxOfRow(const float* x, int64_t n) {
  F32 most = Set(-__builtin_inff());
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) most = Max(most, Load(x + i));
  float largest = MaxAcross(most);
  for (; i < n; i++) largest = x[i] > largest ? x[i] : largest;
  return largest;
}

// each(i, lanes) for the elements of a row, kLanes at a time.
template <typename Each>
JG_INLINE void ForLanes(int64_t n, const Each& each) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) each(i, kLanes);
  if (i < n) each(i, static_cast<int>(n - i));
}

}  // namespace jangle::JG_TIER_NS
