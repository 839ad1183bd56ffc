// out[i] = table[ids[i]], rows of n. An id outside of the table gives NaN. Each thread has four
// neighbours of one row.
#include <cuda_runtime.h>

#include <cstdint>

#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "row.cuh"
#include "run_training.h"

namespace jangle {
namespace {

constexpr int kThreads = 128;

// Grid: row, columns.
__global__ void __launch_bounds__(kThreads)
    GatherRowsKernel(int64_t n, const int32_t* ids, const float* table, int64_t table_rows,
                     int64_t ldtable, float* out, int64_t ldout) {
  const int64_t row = blockIdx.x;
  const int64_t i = 4 * (static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x);
  if (i >= n) return;
  const int64_t id = ids[row];
  const float nan = __uint_as_float(0x7fc00000u);
  float4 v = make_float4(nan, nan, nan, nan);
  if (id >= 0 && id < table_rows) {
    const float* from = table + id * ldtable;
    v = Load4(from, i, n, Aligned16(from), 0);
  }
  out += row * ldout;
  Store4(out, i, n, Aligned16(out), v);
}

}  // namespace

int32_t RunGatherRows(jg_stream* stream, const GatherRowsArgs& args) {
  const auto blocks_per_row = static_cast<unsigned>((args.n + 4 * kThreads - 1) / (4 * kThreads));
  JG_CUDA(Launch(GatherRowsKernel, dim3(static_cast<unsigned>(args.rows), blocks_per_row),
                 dim3(kThreads), 0, stream->stream, args.n, args.ids, args.table, args.table_rows,
                 args.ldtable, args.out, args.ldout));
  return JG_OK;
}

}  // namespace jangle
