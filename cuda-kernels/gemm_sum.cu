// The last step of jg_gemm where k is cut: c from its partial sums, parts ascending.
#include "check.h"
#include "gemm_kernels.h"
#include "gemm_store.cuh"
#include "launch.cuh"

namespace jangle {
namespace {

constexpr int kThreads = 256;
constexpr int kColumns = 4;  // of one thread

// Block b: kThreads runs of kColumns of the rows one behind the other, from kThreads * b on.
__global__ void __launch_bounds__(kThreads) GemmSumKernel(GemmPlan plan) {
  const int64_t runs = plan.PaddedN() / kColumns;
  const int64_t run = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t row = run / runs;
  const int64_t column = run % runs * kColumns;
  if (row >= plan.m) return;
  const float* part = plan.partials + row * plan.PaddedN() + column;
  float sums[kColumns];
  for (int p = 0; p < plan.parts; p++) {
    const float4 v = *reinterpret_cast<const float4*>(part);
    sums[0] = p == 0 ? v.x : sums[0] + v.x;
    sums[1] = p == 0 ? v.y : sums[1] + v.y;
    sums[2] = p == 0 ? v.z : sums[2] + v.z;
    sums[3] = p == 0 ? v.w : sums[3] + v.w;
    part += plan.PaddedM() * plan.PaddedN();
  }
  StoreOutputs(plan, row, column, sums);
}

}  // namespace

int32_t GemmSum(jg_stream* stream, const GemmPlan& plan) {
  const int64_t runs = plan.m * (plan.PaddedN() / kColumns);
  const dim3 grid(static_cast<uint32_t>(CeilDiv(runs, kThreads)));
  JG_CUDA(Launch(GemmSumKernel, grid, dim3(kThreads), 0, stream->stream, plan));
  return JG_OK;
}

}  // namespace jangle
