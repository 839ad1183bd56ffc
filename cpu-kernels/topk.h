// The k largest logits of a row, largest first, ties by the lower index. Shared by topk.cpp and
// sample.cpp.
#pragma once

#include "simd.h"

namespace jangle::JG_TIER_NS {

inline constexpr int64_t kMostTopk = 64;

// The best so far, in order.
struct TopkList {
  int64_t k;
  int64_t count;
  int32_t* ids;
  float* values;

  bool Enters(float value) const { return count < k || value > values[k - 1]; }
  void Insert(float value, int64_t id) {
    int64_t at = count < k ? count++ : k - 1;
    for (; at > 0 && value > values[at - 1]; at--) {
      values[at] = values[at - 1];
      ids[at] = ids[at - 1];
    }
    values[at] = value;
    ids[at] = static_cast<int32_t>(id);
  }
};

// Fills an empty list; false where the row holds a NaN. 1 <= k <= n.
//
// The row is scanned in order with the k-th best so far as the threshold. A logit enters only when
// it is greater, so among equals the earlier ones stay.
static inline bool TopkRow(const float* x, int64_t n, TopkList* best) {
  constexpr int kBlock = 4 * kLanes;
  int64_t i = 0;
  for (; i < best->k; i++) {
    if (x[i] != x[i]) return false;
    best->Insert(x[i], i);
  }
  F32 threshold = Set(best->values[best->k - 1]);
  for (; i + kBlock <= n; i += kBlock) {
    const F32 a = Load(x + i);
    const F32 b = Load(x + i + kLanes);
    const F32 c = Load(x + i + 2 * kLanes);
    const F32 d = Load(x + i + 3 * kLanes);
    const Mask nan = Or(Unordered(a, b), Unordered(c, d));
    const Mask greater = Greater(Max(Max(a, b), Max(c, d)), threshold);
    if (!Any(Or(nan, greater))) continue;
    if (Any(nan)) return false;
    for (int64_t j = i; j < i + kBlock; j++) {
      if (best->Enters(x[j])) best->Insert(x[j], j);
    }
    threshold = Set(best->values[best->k - 1]);
  }
  for (; i < n; i++) {
    if (x[i] != x[i]) return false;
    if (best->Enters(x[i])) best->Insert(x[i], i);
  }
  return true;
}

}  // namespace jangle::JG_TIER_NS
