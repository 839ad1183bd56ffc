// The kernel table of one tier.
#include "tier_ops.h"

namespace jangle {

#define JG_CONCAT_(a, b) a##b
#define JG_CONCAT(a, b) JG_CONCAT_(a, b)

const Kernels& JG_CONCAT(Kernels_, JG_TIER_NS)() {
  using namespace JG_TIER_NS;
  static constexpr Kernels kTable = {
      .pack_bytes = PackBytes,
      .pack = Pack,
      .embed = Embed,
      .matmul_scratch_bytes = MatmulScratchBytes,
      .matmul_prepare = MatmulPrepare,
      .matmul_tiles = MatmulTiles,
      .matmul = Matmul,
      .rmsnorm = Rmsnorm,
      .rope = Rope,
      .kv_append = KvAppend,
      .attention = Attention,
      .swiglu = Swiglu,
      .residual = Residual,
      .argmax = Argmax,
      .topk = Topk,
      .sample_scratch_bytes = SampleScratchBytes,
      .sample = Sample,
      .gemm_scratch_bytes = GemmScratchBytes,
      .gemm_stages = GemmStages,
      .gemm_shared_items = GemmSharedItems,
      .gemm_items = GemmItems,
      .gemm_pack = GemmPack,
      .gemm = Gemm,
      .attention_forward_scratch_bytes = AttentionForwardScratchBytes,
      .attention_backward_scratch_bytes = AttentionBackwardScratchBytes,
      .attention_pack_items = AttentionPackItems,
      .attention_blocks = AttentionBlocks,
      .attention_forward_pack = AttentionForwardPack,
      .attention_forward = AttentionForward,
      .attention_backward_pack = AttentionBackwardPack,
      .attention_backward_queries = AttentionBackwardQueries,
      .attention_backward_keys = AttentionBackwardKeys,
      .gather_rows = GatherRows,
      .embed_backward = EmbedBackward,
      .rmsnorm_backward = RmsnormBackward,
      .rmsnorm_weight_items = RmsnormWeightItems,
      .rmsnorm_weight_backward = RmsnormWeightBackward,
      .rope_rows = RopeRows,
      .swiglu_backward = SwigluBackward,
      .cross_entropy = CrossEntropy,
      .sum_squares_items = SumSquaresItems,
      .sum_squares = SumSquares,
      .adamw_items = AdamwItems,
      .adamw = Adamw,
  };
  return kTable;
}

}  // namespace jangle
