// The activations of a plain product; see matmul_prepare.cuh.
#include "check.h"
#include "launch.cuh"
#include "matmul_formats.h"
#include "matmul_prepare.cuh"
#include "ptx/shared.cuh"

namespace jangle {
namespace {

constexpr int kThreads = 128;

template <int32_t kDtype>
__global__ void __launch_bounds__(kThreads) PrepareKernel(MatmulPlan plan) {
  auto& shared = SharedMemory<PrepareShared<kThreads>>();
  const int64_t token = blockIdx.x;
  const PlainRow row = {token < plan.rows ? plan.x + token * plan.ldx : nullptr};
  PrepareRow<kDtype, kThreads>(plan, row, shared);
}

}  // namespace

int32_t MatmulPrepare(jg_stream* stream, int32_t dtype, const MatmulPlan& plan) {
  return WithPreparedFormat(dtype, [&](auto format) -> int32_t {
    constexpr int32_t kDtype = decltype(format)::value;
    JG_CUDA(Launch(PrepareKernel<kDtype>, PrepareGrid<kDtype, kThreads>(plan), dim3(kThreads),
                   sizeof(PrepareShared<kThreads>), stream->stream, plan));
    return JG_OK;
  });
}

}  // namespace jangle
