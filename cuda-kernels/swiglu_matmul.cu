// A matrix product of gated rows: SwiGLU and the preparation of the activations in one kernel, then
// the product. What swiglu.cu would write is prepared as matmul_prepare.cu prepares it.
#include "check.h"
#include "launch.cuh"
#include "matmul_formats.h"
#include "matmul_prepare.cuh"
#include "ptx/shared.cuh"
#include "run.h"
#include "swiglu.cuh"

namespace jangle {
namespace {

constexpr int kThreads = 128;

// A row of silu(gate) * up; both null for a row of padding. The gate and up of nothing are 0, and
// so is what they make.
struct GatedRow {
  const float* gate;
  const float* up;

  template <int kCount>
  __device__ __forceinline__ void Load(float (&v)[kCount], int64_t k, int64_t end) const {
    float u[kCount];
    LoadInputs(v, gate, k, end);
    LoadInputs(u, up, k, end);
    JG_UNROLL
    for (int i = 0; i < kCount; i++) v[i] = SiluMul(v[i], u[i]);
  }
};

template <int32_t kDtype>
__global__ void __launch_bounds__(kThreads) SwigluPrepareKernel(MatmulPlan plan, const float* up) {
  auto& shared = SharedMemory<PrepareShared<kThreads>>();
  const int64_t token = blockIdx.x;
  const bool padding = token >= plan.rows;
  const GatedRow row = {padding ? nullptr : plan.x + token * plan.ldx,
                        padding ? nullptr : up + token * plan.ldx};
  PrepareRow<kDtype, kThreads>(plan, row, shared);
}

}  // namespace

int32_t RunSwigluMatmul(jg_stream* stream, const SwigluMatmulArgs& args) {
  const MatmulPlan plan = MatmulPlanOf(args.product);
  const int32_t status = WithPreparedFormat(args.product.dtype, [&](auto format) -> int32_t {
    constexpr int32_t kDtype = decltype(format)::value;
    JG_CUDA(Launch(SwigluPrepareKernel<kDtype>, PrepareGrid<kDtype, kThreads>(plan), dim3(kThreads),
                   sizeof(PrepareShared<kThreads>), stream->stream, plan, args.up));
    return JG_OK;
  });
  return status != JG_OK ? status : MatmulProduct(stream, args.product.dtype, plan);
}

int64_t FusedMatmulScratchBytes(jg_context* context, int32_t dtype, int64_t n, int64_t k,
                                int64_t rows) {
  return MatmulScratchBytes(context, dtype, n, k, rows);
}

}  // namespace jangle
