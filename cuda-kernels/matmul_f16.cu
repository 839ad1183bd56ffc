// F16 weights. A token's row is scaled by a power of two to [2^14, 2^15) and split into two f16
// terms, which hold 22 bits of every value within 2^-16 of the largest: f32's accuracy without
// trouble of range. Both terms are multiplied into the same f32 sums, the high one first
// (m16n8k16). An mma cuts what it adds up at the last bit of the largest, where an f32 addition
// rounds: over thousands of inputs that would cost more than a naive loop in f32. So a step's 16
// inputs are summed from zero, then added to the sums.
#include "matmul_formats.h"
#include "matmul_fragment.cuh"
#include "matmul_kernel.cuh"
#include "matmul_prefill.cuh"
#include "ptx/mma.cuh"

namespace jangle {
namespace {

struct F16 : MmaAccumulators {
  static constexpr int32_t kDtype = JG_F16;
  static constexpr bool kRowScales = true;
  static constexpr float kFactor = 1.0f;

  template <int kTiles, int kGroups>
  static __device__ __forceinline__ void Multiply(const uint8_t* weights, const uint8_t* tokens,
                                                  int lane, float (&sums)[kTiles][kGroups][4]) {
    uint32_t x[kGroups][4];
    JG_UNROLL
    for (int g = 0; g < kGroups; g++) LoadFragment(x[g], tokens + g * kFragmentBytes, lane);
    JG_UNROLL
    for (int r = 0; r < kTiles; r++) {
      uint32_t w[4];
      LoadFragment(w, weights + r * kFragmentBytes, lane);
      float of_step[kGroups][4] = {};
      JG_UNROLL
      for (int term = 0; term < 2; term++) {
        JG_UNROLL
        for (int g = 0; g < kGroups; g++) {
          const uint32_t b[2] = {x[g][2 * term], x[g][2 * term + 1]};
          MmaF16(of_step[g], w, b);
        }
      }
      JG_UNROLL
      for (int g = 0; g < kGroups; g++) {
        JG_UNROLL
        for (int i = 0; i < 4; i++) sums[r][g][i] += of_step[g][i];
      }
    }
  }
};

}  // namespace

int32_t MatmulF16(jg_stream* stream, const MatmulPlan& plan) {
  return plan.prefill ? LaunchPrefill<F16>(stream, plan) : LaunchMatmul<F16>(stream, plan);
}

}  // namespace jangle
