// Rotary position embedding of one pair (j, j + half) of a head, turned by an angle,
//   x' = x cos - y sin,  y' = y cos + x sin,
// each with one product rounded and the other fused. The inverse turns by the negative angle.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace jangle {

// at: element j of the head.
template <bool kInverse>
__device__ __forceinline__ void RotatePair(float* at, int64_t half, float cosine, float sine) {
  const float low = at[0];
  const float high = at[half];
  if (kInverse) sine = -sine;
  at[0] = fmaf(-high, sine, low * cosine);
  at[half] = fmaf(low, sine, high * cosine);
}

}  // namespace jangle
