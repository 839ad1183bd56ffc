// Rotary positions: pairs (j, j + head_dim / 2) of each head turned by the row's position
// (rotate.cuh). table: [positions][head_dim] = cosines, then sines. A thread takes one pair.
#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "rotate.cuh"
#include "run.h"

namespace jangle {
namespace {

constexpr int kThreads = 128;

// Grid: row, pairs of a row.
__global__ void __launch_bounds__(kThreads) RopeKernel(BatchView batch, int32_t pairs, int32_t half,
                                                       const float* table, float* x, int64_t ldx) {
  const int32_t pair = static_cast<int32_t>(blockIdx.y * kThreads + threadIdx.x);
  if (pair >= pairs) return;
  const int64_t row = blockIdx.x;
  const int32_t j = pair % half;
  const float* angles = table + static_cast<int64_t>(batch.position[row]) * 2 * half;
  float* at = x + row * ldx + pair / half * 2 * half + j;
  const float2 turned = Rotate(at[0], at[half], angles[j], angles[half + j]);
  at[0] = turned.x;
  at[half] = turned.y;
}

}  // namespace

int32_t RunRope(jg_stream* stream, const RopeArgs& args) {
  const int64_t half = args.head_dim / 2;
  const int64_t pairs = args.heads * half;
  const dim3 grid(static_cast<uint32_t>(args.batch->rows),
                  static_cast<uint32_t>((pairs + kThreads - 1) / kThreads));
  JG_CUDA(Launch(RopeKernel, grid, dim3(kThreads), 0, stream->stream, *args.batch,
                 static_cast<int32_t>(pairs), static_cast<int32_t>(half), args.table, args.x,
                 args.ldx));
  return JG_OK;
}

}  // namespace jangle
