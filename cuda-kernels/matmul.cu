// Matrix product with packed weights: prepares the activations in scratch, then multiplies. The
// schedule is in matmul_kernel.cuh, the packed layout in weight_layout.cuh.
#include "check.h"
#include "matmul_formats.h"
#include "run.h"

namespace jangle {

int64_t MatmulScratchBytes(jg_context*, int32_t dtype, int64_t n, int64_t k, int64_t rows) {
  return MatmulPlanOf(dtype, n, k, rows, nullptr).scratch_bytes;
}

MatmulPlan MatmulPlanOf(const MatmulArgs& args) {
  MatmulPlan plan = MatmulPlanOf(args.dtype, args.n, args.k, args.rows, args.scratch);
  plan.weights = static_cast<const uint8_t*>(args.packed);
  plan.x = args.x;
  plan.ldx = args.ldx;
  plan.y = args.y;
  plan.ldy = args.ldy;
  plan.bias = args.bias;
  plan.accumulate = args.accumulate;
  return plan;
}

int32_t MatmulProduct(jg_stream* stream, int32_t dtype, const MatmulPlan& plan) {
  switch (dtype) {
    case JG_F32:
      return MatmulF32(stream, plan);
    case JG_F16:
      return MatmulF16(stream, plan);
    case JG_BF16:
      return MatmulBf16(stream, plan);
    case JG_Q8_0:
      return MatmulQ8_0(stream, plan);
    case JG_Q4_0:
      return MatmulQ4_0(stream, plan);
    default:
      return MatmulQ4_1(stream, plan);
  }
}

int32_t RunMatmul(jg_stream* stream, const MatmulArgs& args) {
  const MatmulPlan plan = MatmulPlanOf(args);
  if (int32_t status = MatmulPrepare(stream, args.dtype, plan)) return status;
  return MatmulProduct(stream, args.dtype, plan);
}

}  // namespace jangle
