// A matrix product of normalised rows: RMSNorm and the preparation of the activations in one
// kernel, then the product. A block has a row: it finds the row's scale as rmsnorm.cu does
// (rmsnorm.cuh), then reads the row again, from the caches, and prepares x * scale * weight as
// matmul_prepare.cu prepares what rmsnorm.cu writes.
#include "check.h"
#include "launch.cuh"
#include "matmul_formats.h"
#include "matmul_prepare.cuh"
#include "ptx/shared.cuh"
#include "rmsnorm.cuh"
#include "run.h"

namespace jangle {
namespace {

// A row of x / sqrt(mean(x^2) + eps) * weight.
struct NormalisedRow {
  const float* x;  // null for a row of padding
  const float* weight;
  float scale;

  template <int kCount>
  __device__ __forceinline__ void Load(float (&v)[kCount], int64_t k, int64_t end) const {
    float w[kCount];
    LoadInputs(v, x, k, end);
    LoadInputs(w, weight, k, end);
    JG_UNROLL
    for (int i = 0; i < kCount; i++) {
      v[i] = x != nullptr && k + i < end ? v[i] * scale * w[i] : 0.0f;
    }
  }
};

template <int kThreads>
struct Shared {
  RmsnormShared<kThreads> norm;
  PrepareShared<kThreads> prepare;
};

template <int kThreads, bool kVector>
__device__ __forceinline__ float Scale(int64_t n, const float* x, float eps,
                                       RmsnormShared<kThreads>& shared) {
  float4 held[kHeld];
  JG_UNROLL
  for (int j = 0; j < kHeld; j++) {
    held[j] = Read4<kVector>(x, 4 * (static_cast<int64_t>(threadIdx.x) + j * kThreads), n);
  }
  return RmsScale<kThreads, kVector>(n, x, eps, held, shared);
}

// Grid: the padded rows.
template <int32_t kDtype, int kThreads>
__global__ void __launch_bounds__(kThreads)
    RmsnormPrepareKernel(MatmulPlan plan, const float* weight, float eps) {
  auto& shared = SharedMemory<Shared<kThreads>>();
  NormalisedRow row = {nullptr, weight, 0.0f};
  if (blockIdx.x < plan.rows) {
    row.x = plan.x + blockIdx.x * plan.ldx;
    row.scale = plan.k % 4 == 0 && Aligned16(row.x)
                    ? Scale<kThreads, true>(plan.k, row.x, eps, shared.norm)
                    : Scale<kThreads, false>(plan.k, row.x, eps, shared.norm);
  }
  PrepareRow<kDtype, kThreads>(plan, row, shared.prepare);
}

}  // namespace

int32_t RunRmsnormMatmul(jg_stream* stream, const RmsnormMatmulArgs& args) {
  const MatmulPlan plan = MatmulPlanOf(args.product);
  const dim3 grid(static_cast<uint32_t>(plan.PaddedRows()));
  const int32_t status = WithRmsnormThreads(plan.k, [&](auto threads) {
    constexpr int kThreads = decltype(threads)::value;
    return WithPreparedFormat(args.product.dtype, [&](auto format) -> int32_t {
      JG_CUDA(Launch(RmsnormPrepareKernel<decltype(format)::value, kThreads>, grid, dim3(kThreads),
                     sizeof(Shared<kThreads>), stream->stream, plan, args.weight, args.eps));
      return JG_OK;
    });
  });
  return status != JG_OK ? status : MatmulProduct(stream, args.product.dtype, plan);
}

}  // namespace jangle
