// BF16 weights: activations rounded to bf16, products exact, f32 sums (m16n8k16); a step's 32
// inputs are summed from zero, as in matmul_f16.cu.
#include "matmul_formats.h"
#include "matmul_fragment.cuh"
#include "matmul_kernel.cuh"
#include "matmul_prefill.cuh"
#include "ptx/mma.cuh"

namespace jangle {
namespace {

struct Bf16 : MmaAccumulators {
  static constexpr int32_t kDtype = JG_BF16;
  static constexpr bool kRowScales = false;
  static constexpr float kFactor = 1.0f;

  template <int kTiles, int kGroups>
  static __device__ __forceinline__ void Multiply(const uint8_t* weights, const uint8_t* tokens,
                                                  int lane, float (&sums)[kTiles][kGroups][4]) {
    uint32_t x[kGroups][4];
    JG_UNROLL
    for (int g = 0; g < kGroups; g++) LoadFragment(x[g], tokens + g * kFragmentBytes, lane);
    JG_UNROLL
    for (int r = 0; r < kTiles; r++) {
      float of_step[kGroups][4] = {};
      JG_UNROLL
      for (int f = 0; f < 2; f++) {
        uint32_t w[4];
        LoadFragment(w, weights + (2 * r + f) * kFragmentBytes, lane);
        JG_UNROLL
        for (int g = 0; g < kGroups; g++) {
          const uint32_t b[2] = {x[g][2 * f], x[g][2 * f + 1]};
          MmaBf16(of_step[g], w, b);
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

int32_t MatmulBf16(jg_stream* stream, const MatmulPlan& plan) {
  return plan.prefill ? LaunchPrefill<Bf16>(stream, plan) : LaunchMatmul<Bf16>(stream, plan);
}

}  // namespace jangle
