// The rotation of one pair. Its inverse turns by the negative angle.
#pragma once

#include <cuda_runtime.h>

namespace jangle {

// low' = low cos - high sin,  high' = high cos + low sin, each with one product rounded and the
// other fused.
__device__ __forceinline__ float2 Rotate(float low, float high, float cosine, float sine) {
  return make_float2(fmaf(-high, sine, low * cosine), fmaf(low, sine, high * cosine));
}

}  // namespace jangle
