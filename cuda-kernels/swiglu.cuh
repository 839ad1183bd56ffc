// SwiGLU of one pair. Shared by swiglu.cu and swiglu_matmul.cu.
#pragma once

#include <cuda_runtime.h>

namespace jangle {

__device__ __forceinline__ float SiluMul(float gate, float up) {
  return gate / (1.0f + expf(-gate)) * up;
}

}  // namespace jangle
