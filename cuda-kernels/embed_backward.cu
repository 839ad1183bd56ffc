// dtable[ids[i]] += dout[i], rows of n. order: the rows sorted by (id, row), so that the rows of
// one id stand together in ascending order. The blocks of the first place of an id add all of its
// rows, one after the other; those of its other places do nothing. So each element of the table
// belongs to one thread, without atomics, and the order of its sum is that of the rows.
//
// A warp takes 128 columns, four of each lane. It looks at 32 places of the order at a time, one of
// each lane, and counts those of its id.
#include <cuda_runtime.h>

#include <cstdint>

#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "reduce.cuh"
#include "row.cuh"
#include "run_training.h"

namespace jangle {
namespace {

constexpr int kThreads = 128;

// The row at a place of the order and its id; id -1 where one of them does not exist.
struct Place {
  int32_t row;
  int32_t id;
};

__device__ __forceinline__ Place PlaceAt(const EmbedBackwardArgs& args, int64_t place) {
  if (place >= args.rows) return {0, -1};
  const int32_t row = args.order[place];
  if (row < 0 || row >= args.rows) return {0, -1};
  const int32_t id = args.ids[row];
  return {row, id >= 0 && id < args.table_rows ? id : -1};
}

__device__ __forceinline__ void Add(float4& sum, float4 v) {
  sum = make_float4(sum.x + v.x, sum.y + v.y, sum.z + v.z, sum.w + v.w);
}

// Grid: place, columns.
__global__ void __launch_bounds__(kThreads) EmbedBackwardKernel(EmbedBackwardArgs args) {
  const int64_t first = blockIdx.x;
  const int32_t id = PlaceAt(args, first).id;
  if (id < 0 || (first > 0 && PlaceAt(args, first - 1).id == id)) return;

  const int64_t i = 4 * (static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x);
  const bool mine = i < args.n;
  float* to = args.dtable + id * args.lddtable;
  float4 sum = make_float4(0, 0, 0, 0);
  if (mine) sum = Load4(to, i, args.n, Aligned16(to), 0);
  int count = 32;  // places of the id among the last 32
  for (int64_t place = first; count == 32; place += 32) {
    const Place seen = PlaceAt(args, place + threadIdx.x % 32);
    // The lowest lane with another id.
    const unsigned others = __ballot_sync(kAllLanes, seen.id != id);
    count = others == 0 ? 32 : __ffs(static_cast<int>(others)) - 1;
    for (int j = 0; j < count; j++) {
      const float* from = args.dout + __shfl_sync(kAllLanes, seen.row, j) * args.lddout;
      if (mine) Add(sum, Load4(from, i, args.n, Aligned16(from), 0));
    }
  }
  if (mine) Store4(to, i, args.n, Aligned16(to), sum);
}

}  // namespace

int32_t RunEmbedBackward(jg_stream* stream, const EmbedBackwardArgs& args) {
  const auto blocks_per_row = static_cast<unsigned>((args.n + 4 * kThreads - 1) / (4 * kThreads));
  JG_CUDA(Launch(EmbedBackwardKernel, dim3(static_cast<unsigned>(args.rows), blocks_per_row),
                 dim3(kThreads), 0, stream->stream, args));
  return JG_OK;
}

}  // namespace jangle
