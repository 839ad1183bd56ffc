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
  };
  return kTable;
}

}  // namespace jangle
