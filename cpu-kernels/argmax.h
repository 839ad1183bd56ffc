// The lowest index of a row's largest logit. Shared by argmax.cpp and sample.cpp.
#pragma once

#include "simd.h"

namespace jangle::JG_TIER_NS {

// -1 where the row holds a NaN. Infinities are values like others. n >= 1.
//
// One pass keeps each block's maximum and remembers the first block that raised the best; only that
// block is searched for the index.
static inline int32_t ArgmaxRow(const float* x, int64_t n) {
  constexpr int kVectors = 8;
  constexpr int kBlock = kVectors * kLanes;
  float best = -__builtin_inff();
  int64_t best_begin = 0;
  Mask nan = Unordered(Zero(), Zero());
  int64_t i = 0;
  for (; i + kBlock <= n; i += kBlock) {
    F32 v[kVectors];
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; j++) v[j] = Load(x + i + j * kLanes);
    // Max would lose a NaN.
    nan = Or(nan, Or(Or(Unordered(v[0], v[1]), Unordered(v[2], v[3])),
                     Or(Unordered(v[4], v[5]), Unordered(v[6], v[7]))));
    const F32 most =
        Max(Max(Max(v[0], v[1]), Max(v[2], v[3])), Max(Max(v[4], v[5]), Max(v[6], v[7])));
    if (Any(Greater(most, Set(best)))) {
      best = MaxAcross(most);
      best_begin = i;
    }
  }
  if (Any(nan)) return -1;
  for (; i < n; i++) {
    if (x[i] != x[i]) return -1;
    if (x[i] > best) {
      best = x[i];
      best_begin = i;
    }
  }
  int64_t index = best_begin;
  while (x[index] != best) index++;
  return static_cast<int32_t>(index);
}

}  // namespace jangle::JG_TIER_NS
