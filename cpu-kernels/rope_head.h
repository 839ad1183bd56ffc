// Rotary position embedding of one head, "rotate half": with h = head_dim / 2 and the angle of the
// row's position, (x[j], x[j + h]) becomes (x[j] cos - x[j + h] sin, x[j + h] cos + x[j] sin). The
// inverse rotates by the negative angle.
//
// Elementwise: vector body and remainder do the same arithmetic.
#pragma once

#include <cstdint>

#include "row_sum.h"

namespace jangle::JG_TIER_NS {

template <bool kInverse>
JG_INLINE void Rotate(int64_t half, const float* cosines, const float* sines, float* x) {
  ForLanes(half, [=](int64_t j, int lanes) {
    const F32 c = LoadLanes(cosines + j, lanes);
    const F32 s = LoadLanes(sines + j, lanes);
    const F32 a = LoadLanes(x + j, lanes);
    const F32 b = LoadLanes(x + half + j, lanes);
    const F32 low = kInverse ? Fma(b, s, Mul(a, c)) : NegFma(b, s, Mul(a, c));
    const F32 high = kInverse ? NegFma(a, s, Mul(b, c)) : Fma(a, s, Mul(b, c));
    StoreLanes(x + j, low, lanes);
    StoreLanes(x + half + j, high, lanes);
  });
}

}  // namespace jangle::JG_TIER_NS
