// Rotary position embedding in place by explicit positions, and its inverse, which is its gradient;
// see rotate.cuh. table: [positions][head_dim] = cosines, then sines. A position outside of the
// table counts as the nearest one inside. A thread takes one pair.
#include <cuda_runtime.h>

#include <cstdint>

#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "rotate.cuh"
#include "run_training.h"

namespace jangle {
namespace {

constexpr int kThreads = 128;

// Grid: row, pairs of a row.
template <bool kInverse>
__global__ void __launch_bounds__(kThreads)
    RopeRowsKernel(const int32_t* positions, int64_t heads, int64_t half, const float* table,
                   int64_t table_positions, float* x, int64_t ldx) {
  const int64_t pair = static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x;
  if (pair >= heads * half) return;
  const int64_t row = blockIdx.x;
  const int64_t position =
      min(max(static_cast<int64_t>(positions[row]), int64_t{0}), table_positions - 1);
  const int64_t j = pair % half;
  const float* angles = table + position * 2 * half;
  const float sine = angles[half + j];
  float* at = x + row * ldx + pair / half * 2 * half + j;
  const float2 turned = Rotate(at[0], at[half], angles[j], kInverse ? -sine : sine);
  at[0] = turned.x;
  at[half] = turned.y;
}

}  // namespace

int32_t RunRopeRows(jg_stream* stream, const RopeRowsArgs& args) {
  const int64_t half = args.head_dim / 2;
  const dim3 grid(static_cast<unsigned>(args.rows),
                  static_cast<unsigned>((args.heads * half + kThreads - 1) / kThreads));
  const auto kernel = args.inverse ? RopeRowsKernel<true> : RopeRowsKernel<false>;
  JG_CUDA(Launch(kernel, grid, dim3(kThreads), 0, stream->stream, args.positions, args.heads, half,
                 args.table, args.table_positions, args.x, args.ldx));
  return JG_OK;
}

}  // namespace jangle
