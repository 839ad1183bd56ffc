// How attention over an F16 cache is cut up: keys into chunks and ranges, rows into runs.
//
// Keys: chunk c holds the 64 positions from 64 c on. Ranges of chunks are folded each for itself,
// then one after the other; so what is added to what follows from absolute positions alone. The
// first ranges are short, that a short context occupies many multiprocessors, too.
//
// Rows: neighbouring rows of one sequence form a run. The chunks that all rows of a run see whole,
// in the slots of the same numbers, are read once for all of them (attention_prefix.cuh); what is
// left is each row's own (attention_tail.cuh).
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "args.h"
#include "cache_layout.cuh"
#include "jangle.h"
#include "reduce.cuh"
#include "unroll.cuh"

namespace jangle {

constexpr int32_t kMostRunRows = 64;  // that a RowGroup holds
constexpr int32_t kShortRanges = 16;
constexpr int32_t kShortRangeChunks = 2;
constexpr int32_t kLongRangeChunks = 8;
constexpr int32_t kShortChunks = kShortRanges * kShortRangeChunks;

__host__ __device__ __forceinline__ int32_t RangeBegin(int32_t range) {
  return range < kShortRanges ? range * kShortRangeChunks
                              : kShortChunks + (range - kShortRanges) * kLongRangeChunks;
}
__host__ __device__ __forceinline__ int32_t RangeOf(int32_t chunk) {
  return chunk < kShortChunks ? chunk / kShortRangeChunks
                              : kShortRanges + (chunk - kShortChunks) / kLongRangeChunks;
}

// The columns of a block: `heads` neighbouring query heads of `row`, of the row after it, and so
// on.
struct Columns {
  int64_t row, head;
  int32_t heads, count;
};

// What the kernels of a call share. Rows are those of one pair of launches.
struct AttentionPlan {
  BatchView batch;
  CacheLayout layout;
  const uint16_t* cache;
  const float* q;
  int64_t ldq;
  float* out;
  int64_t ldout;
  float scale;
  int32_t heads;
  int32_t group;        // query heads of one key head
  int32_t block_heads;  // of them in one block of the prefix
  int32_t run_rows;     // rows in which one block of the prefix looks for runs
  int32_t turns;        // blocks that share these runs
  // The state after a range, or after its whole chunks: [range][row][head], unscaled outputs of
  // head_dim, and (maximum, sum).
  float* partial_outputs;
  float2* partial_sums;

  // `row_head`: row * heads + head.
  __device__ __forceinline__ int64_t Partial(int32_t range, int64_t row_head) const {
    return static_cast<int64_t>(range) * batch.rows * heads + row_head;
  }
};

// Rows [begin, end) of a launch, and how many chunks of theirs are shared.
struct Run {
  int32_t begin, end, chunks;
};

// Up to 64 rows as one warp sees them: a lane has rows `lane` and `lane + 32`.
struct RowGroup {
  int32_t begin, count;
  int32_t linear[2];
  uint64_t starts;  // bit i: a run begins with row begin + i

  __device__ __forceinline__ int Runs() const { return __popcll(starts); }
  // Where the index-th run begins.
  __device__ __forceinline__ int Start(int index) const {
    uint64_t left = starts;
    // A few turns at most, and what unrolling keeps ready for them may be spilled.
    JG_NO_UNROLL
    for (int i = 0; i < index; i++) left &= left - 1;
    return __ffsll(static_cast<long long>(left)) - 1;
  }
  // The run that begins with row begin + first.
  __device__ __forceinline__ Run RunFrom(int first) const {
    const uint64_t later = starts & ~((uint64_t{2} << first) - 1);
    const int end = later == 0 ? count : __ffsll(static_cast<long long>(later)) - 1;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int low = lane >= first && lane < end ? linear[0] : INT32_MAX;
    const int high = lane + 32 >= first && lane + 32 < end ? linear[1] : INT32_MAX;
    return {begin + first, begin + end, __reduce_min_sync(kAllLanes, min(low, high)) / JG_PAGE};
  }
  // The run that row begin + i belongs to.
  __device__ __forceinline__ Run RunOf(int i) const {
    const uint64_t upto = starts & ((uint64_t{2} << i) - 1);
    return RunFrom(63 - __clzll(static_cast<long long>(upto)));
  }
};

// All lanes of a warp call.
__device__ __forceinline__ RowGroup LoadRowGroup(const BatchView& batch, int32_t begin,
                                                 int32_t rows) {
  RowGroup group = {begin, min(rows, batch.rows - begin), {}, 0};
  for (int half = 0; half < 2; half++) {
    const int i = static_cast<int>(threadIdx.x) % 32 + half * 32;
    const bool in = i < group.count;
    const int32_t own = in ? batch.sequence[begin + i] : -1;
    const int32_t before = in && i > 0 ? batch.sequence[begin + i - 1] : -1;
    group.linear[half] = in ? batch.linear[begin + i] : INT32_MAX;
    group.starts |= static_cast<uint64_t>(__ballot_sync(kAllLanes, in && own != before))
                    << (32 * half);
  }
  return group;
}

}  // namespace jangle
