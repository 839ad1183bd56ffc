// y += x, elementwise over rows of n. Each thread has four neighbours of one row.
#include <cuda_runtime.h>

#include <cstdint>

#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "ptx/store.cuh"
#include "row.cuh"
#include "run.h"

namespace jangle {
namespace {

constexpr int kThreads = 128;

__global__ void __launch_bounds__(kThreads)
    ResidualKernel(int64_t n, const float* x, int64_t ldx, float* y, int64_t ldy) {
  const int64_t row = blockIdx.x;
  const int64_t i = 4 * (static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x);
  if (i >= n) return;
  x += row * ldx;
  y += row * ldy;
  if (i + 4 <= n && Aligned16(x) && Aligned16(y)) {
    const float4 a = *reinterpret_cast<const float4*>(y + i);
    const float4 b = *reinterpret_cast<const float4*>(x + i);
    StoreVector(y + i, make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w));
    return;
  }
  for (int64_t j = i; j < n && j < i + 4; j++) y[j] += x[j];
}

}  // namespace

int32_t RunResidual(jg_stream* stream, const ResidualArgs& args) {
  const auto blocks_per_row = static_cast<unsigned>((args.n + 4 * kThreads - 1) / (4 * kThreads));
  JG_CUDA(Launch(ResidualKernel, dim3(static_cast<unsigned>(args.rows), blocks_per_row),
                 dim3(kThreads), 0, stream->stream, args.n, args.x, args.ldx, args.y, args.ldy));
  return JG_OK;
}

}  // namespace jangle
