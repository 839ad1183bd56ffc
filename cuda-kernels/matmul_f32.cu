// F32 weights: fma on the ordinary units, k ascending. Lane l makes output l % 16 of each tile for
// tokens 4 (l / 16) .. + 3 of each group; both are read from shared memory by broadcast.
#include "matmul_formats.h"
#include "matmul_kernel.cuh"
#include "matmul_prefill.cuh"

namespace jangle {
namespace {

struct F32 {
  static constexpr int32_t kDtype = JG_F32;
  static constexpr bool kRowScales = false;
  static constexpr float kFactor = 1.0f;

  static __device__ __forceinline__ int Output(int lane, int) { return lane % 16; }
  static __device__ __forceinline__ int Token(int lane, int i) { return lane / 16 * 4 + i; }

  template <int kTiles, int kGroups>
  static __device__ __forceinline__ void Multiply(const uint8_t* weights, const uint8_t* tokens,
                                                  int lane, float (&sums)[kTiles][kGroups][4]) {
    JG_UNROLL
    for (int quad = 0; quad < 4; quad++) {
      float4 w[kTiles];
      JG_UNROLL
      for (int r = 0; r < kTiles; r++) {
        w[r] = *reinterpret_cast<const float4*>(weights + (2 * r + quad / 2) * kFragmentBytes +
                                                (quad % 2 * 16 + Output(lane, 0)) * 16);
      }
      JG_UNROLL
      for (int g = 0; g < kGroups; g++) {
        JG_UNROLL
        for (int i = 0; i < 4; i++) {
          const float4 x = *reinterpret_cast<const float4*>(tokens + g * kFragmentBytes +
                                                            (quad * 8 + Token(lane, i)) * 16);
          JG_UNROLL
          for (int r = 0; r < kTiles; r++) {
            float sum = sums[r][g][i];
            sum = fmaf(w[r].x, x.x, sum);
            sum = fmaf(w[r].y, x.y, sum);
            sum = fmaf(w[r].z, x.z, sum);
            sums[r][g][i] = fmaf(w[r].w, x.w, sum);
          }
        }
      }
    }
  }
};

}  // namespace

int32_t MatmulF32(jg_stream* stream, const MatmulPlan& plan) {
  return plan.prefill ? LaunchPrefill<F32>(stream, plan) : LaunchMatmul<F32>(stream, plan);
}

}  // namespace jangle
