// Q4_1 weights; the arithmetic is in matmul_block.cuh.
#include "matmul_block.cuh"
#include "matmul_formats.h"
#include "matmul_prefill.cuh"

namespace jangle {
namespace {

struct Q4_1 : MmaAccumulators {
  static constexpr int32_t kDtype = JG_Q4_1;
  static constexpr bool kRowScales = false;
  static constexpr float kFactor = 0x1p17f;

  static __device__ __forceinline__ void LoadBlocks(uint32_t (&w)[2][4], const uint8_t* fragments,
                                                    int lane) {
    uint32_t both[4];
    LoadFragment(both, fragments, lane);
    JG_UNROLL
    for (int i = 0; i < 4; i++) {
      w[0][i] = both[i] & 0x0f0f0f0fu;
      w[1][i] = both[i] >> 4 & 0x0f0f0f0fu;
    }
  }
  template <int kTiles, int kGroups>
  static __device__ __forceinline__ void Multiply(const uint8_t* weights, const uint8_t* tokens,
                                                  int lane, float (&sums)[kTiles][kGroups][4]) {
    MultiplyBlocks<Q4_1>(weights, tokens, lane, sums);
  }
};

}  // namespace

int32_t MatmulQ4_1(jg_stream* stream, const MatmulPlan& plan) {
  return plan.prefill ? LaunchPrefill<Q4_1>(stream, plan) : LaunchMatmul<Q4_1>(stream, plan);
}

}  // namespace jangle
