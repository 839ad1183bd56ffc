// The operations of training: not built for CUDA yet, and every call says so.
#include "error.h"
#include "run_training.h"

namespace jangle {
namespace {

int32_t NotBuilt() {
  return Fail(JG_UNSUPPORTED, "training kernels are not built for CUDA yet; train on the CPU");
}

}  // namespace

int32_t CheckGemmProducts(const char*, int32_t) { return JG_OK; }

// What no call will use.
int64_t GemmScratchBytes(jg_context*, int32_t, int64_t, int64_t, int64_t) { return 0; }
int64_t RmsnormBackwardScratchBytes(jg_context*, int64_t, int64_t, int64_t) { return 0; }
int64_t AttentionForwardScratchBytes(jg_context*, int64_t, int64_t, int64_t, int64_t) { return 0; }
int64_t AttentionBackwardScratchBytes(jg_context*, int64_t, int64_t, int64_t, int64_t) { return 0; }
int64_t SumSquaresScratchBytes(jg_context*, int64_t) { return 0; }

int32_t RunZero(jg_stream*, const ZeroArgs&) { return NotBuilt(); }
int32_t RunGemm(jg_stream*, const GemmArgs&) { return NotBuilt(); }
int32_t RunGatherRows(jg_stream*, const GatherRowsArgs&) { return NotBuilt(); }
int32_t RunEmbedBackward(jg_stream*, const EmbedBackwardArgs&) { return NotBuilt(); }
int32_t RunRmsnormBackward(jg_stream*, const RmsnormBackwardArgs&) { return NotBuilt(); }
int32_t RunRopeRows(jg_stream*, const RopeRowsArgs&) { return NotBuilt(); }
int32_t RunSwigluBackward(jg_stream*, const SwigluBackwardArgs&) { return NotBuilt(); }
int32_t RunAttentionForward(jg_stream*, const AttentionForwardArgs&) { return NotBuilt(); }
int32_t RunAttentionBackward(jg_stream*, const AttentionBackwardArgs&) { return NotBuilt(); }
int32_t RunCrossEntropy(jg_stream*, const CrossEntropyArgs&) { return NotBuilt(); }
int32_t RunSumSquares(jg_stream*, const SumSquaresArgs&) { return NotBuilt(); }
int32_t RunAdamw(jg_stream*, const AdamwArgs&) { return NotBuilt(); }

}  // namespace jangle
