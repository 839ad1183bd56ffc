// jg_gemm, the product of plain matrices in f32 memory: packs the operands in scratch, multiplies,
// and adds the parts of a long k. The order of the sums is in gemm_plan.cuh.
#include "gemm_kernels.h"
#include "run_training.h"

namespace jangle {

int32_t CheckGemmProducts(const char*, int32_t) { return JG_OK; }  // JG_F32 and JG_BF16

int64_t GemmScratchBytes(jg_context*, int32_t products, int64_t m, int64_t n, int64_t k) {
  return GemmPlanOf(products, m, n, k, nullptr).scratch_bytes;
}

int32_t RunGemm(jg_stream* stream, const GemmArgs& args) {
  GemmPlan plan = GemmPlanOf(args.products, args.m, args.n, args.k, args.scratch);
  plan.alpha = args.alpha;
  plan.accumulate = args.accumulate;
  plan.c = args.c;
  plan.ldc = args.ldc;
  const int32_t packed = GemmPack(stream, plan, args);
  if (packed != JG_OK) return packed;
  const int32_t multiplied =
      args.products == JG_BF16 ? GemmBf16(stream, plan) : GemmF32(stream, plan);
  if (multiplied != JG_OK || plan.parts == 1) return multiplied;
  return GemmSum(stream, plan);
}

}  // namespace jangle
