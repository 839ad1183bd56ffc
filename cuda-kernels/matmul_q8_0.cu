// Q8_0 weights; the arithmetic is in matmul_block.cuh.
#include "matmul_block.cuh"
#include "matmul_formats.h"
#include "matmul_prefill.cuh"

namespace jangle {
namespace {

struct Q8_0 : MmaAccumulators {
  static constexpr int32_t kDtype = JG_Q8_0;
  static constexpr bool kRowScales = false;
  static constexpr float kFactor = 0x1p17f;

  static __device__ __forceinline__ void LoadBlocks(uint32_t (&w)[2][4], const uint8_t* fragments,
                                                    int lane) {
    LoadFragment(w[0], fragments, lane);
    LoadFragment(w[1], fragments + kFragmentBytes, lane);
  }
  template <int kTiles, int kGroups>
  static __device__ __forceinline__ void Multiply(const uint8_t* weights, const uint8_t* tokens,
                                                  int lane, float (&sums)[kTiles][kGroups][4]) {
    MultiplyBlocks<Q8_0>(weights, tokens, lane, sums);
  }
};

}  // namespace

int32_t MatmulQ8_0(jg_stream* stream, const MatmulPlan& plan) {
  return plan.prefill ? LaunchPrefill<Q8_0>(stream, plan) : LaunchMatmul<Q8_0>(stream, plan);
}

}  // namespace jangle
