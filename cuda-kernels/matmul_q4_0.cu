// Q4_0 weights; the arithmetic is in matmul_block.cuh. A nibble is q - 8 in two's complement; in
// the high half of a byte it counts as 16 (q - 8), which kFactor takes back, so no sum of the
// activations is needed.
#include "matmul_block.cuh"
#include "matmul_formats.h"
#include "matmul_prefill.cuh"

namespace jangle {
namespace {

struct Q4_0 : MmaAccumulators {
  static constexpr int32_t kDtype = JG_Q4_0;
  static constexpr bool kRowScales = false;
  static constexpr float kFactor = 0x1p13f;

  static __device__ __forceinline__ void LoadBlocks(uint32_t (&w)[2][4], const uint8_t* fragments,
                                                    int lane) {
    uint32_t both[4];
    LoadFragment(both, fragments, lane);
    JG_UNROLL
    for (int i = 0; i < 4; i++) {
      w[0][i] = both[i] << 4 & 0xf0f0f0f0u;
      w[1][i] = both[i] & 0xf0f0f0f0u;
    }
  }
  template <int kTiles, int kGroups>
  static __device__ __forceinline__ void Multiply(const uint8_t* weights, const uint8_t* tokens,
                                                  int lane, float (&sums)[kTiles][kGroups][4]) {
    MultiplyBlocks<Q4_0>(weights, tokens, lane, sums);
  }
};

}  // namespace

int32_t MatmulQ4_0(jg_stream* stream, const MatmulPlan& plan) {
  return plan.prefill ? LaunchPrefill<Q4_0>(stream, plan) : LaunchMatmul<Q4_0>(stream, plan);
}

}  // namespace jangle
