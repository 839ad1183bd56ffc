// The first kernel of attention over an F16 cache: chunks that a whole run of rows shares. A block
// takes one range of one key head, for as many of a run's columns as a tile has, and writes the
// state that the range's shared chunks leave.
#pragma once

#include "attention_tile.cuh"

namespace jangle {

// Chunks that lie in slots of the same numbers, whole.
template <typename Tile>
struct PrefixSource {
  const uint16_t* cache;  // the key head's part of page 0
  const int32_t* pages;
  int64_t page_stride, value_offset;
  int head_dim;

  __device__ __forceinline__ void Copy(uint16_t* tile, int32_t chunk, bool values) const {
    using Share = CopyShare<Tile>;
    const bool valid = Share::Element() < head_dim;
    const uint16_t* from = cache + pages[chunk] * page_stride + (values ? value_offset : 0) +
                           Share::Key(0) * head_dim + Share::Element();
    JG_UNROLL
    for (int i = 0; i < Share::kCopies; i++) {
      CpAsync16OrZero(Share::To(tile, i), from, valid);
      from += Share::kKeys * head_dim;
    }
  }
  __device__ __forceinline__ int Count(int32_t) const { return kChunk; }
  __device__ __forceinline__ void Finish(int32_t, typename Tile::State&) const {}
};

template <typename Tile>
__device__ __forceinline__ void StorePartial(const typename Tile::Shared& shared,
                                             const AttentionPlan& plan, int32_t range,
                                             const typename Tile::State& state) {
  const int64_t head_dim = plan.layout.head_dim;
  JG_UNROLL
  for (int n = 0; n < Tile::kWarpGroups; n++) {
    JG_UNROLL
    for (int c = 0; c < 2; c++) {
      const int64_t row_head = shared.heads[Tile::Column(n, c)];
      if (row_head < 0) continue;
      const int64_t at = plan.Partial(range, row_head);
      if (n % Tile::kSumWarps == Tile::KeyWarp() && Tile::Lane() < 4) {
        plan.partial_sums[at] = make_float2(state.maximum[n][c], state.sum[n / Tile::kSumWarps][c]);
      }
      float* outputs = plan.partial_outputs + at * head_dim;
      JG_UNROLL
      for (int m = 0; m < Tile::kDimTiles; m++) {
        for (int i = c; i < 4; i += 2) {
          if (Tile::Dim(m, i) < head_dim) outputs[Tile::Dim(m, i)] = state.output[m][n][i];
        }
      }
    }
  }
}

// Grid: (row group, turn), range, (key head, block of its query heads).
template <int kDim, int kGroups>
__global__ void __launch_bounds__(kAttentionThreads, AttentionTile<kDim, kGroups>::kResident)
    AttentionPrefixKernel(const AttentionPlan plan) {
  using Tile = AttentionTile<kDim, kGroups>;
  auto& shared = SharedMemory<typename Tile::Shared>();
  const int32_t turns = plan.turns;
  const int32_t turn = static_cast<int32_t>(blockIdx.x) % turns;
  const int32_t range = static_cast<int32_t>(blockIdx.y);
  const int32_t head_blocks = (plan.group + plan.block_heads - 1) / plan.block_heads;
  const int32_t kv_head = static_cast<int32_t>(blockIdx.z) / head_blocks;
  const int32_t first_head = static_cast<int32_t>(blockIdx.z) % head_blocks * plan.block_heads;
  const int32_t heads = min(plan.block_heads, plan.group - first_head);
  const int32_t head_dim = static_cast<int32_t>(plan.layout.head_dim);
  const int64_t head_stride = JG_PAGE * plan.layout.head_dim;
  const int32_t first_row = static_cast<int32_t>(blockIdx.x) / turns * plan.run_rows;
  const int32_t runs = LoadRowGroup(plan.batch, first_row, plan.run_rows).Runs();
  for (int32_t index = turn; index < runs; index += turns) {
    const RowGroup group = LoadRowGroup(plan.batch, first_row, plan.run_rows);
    const Run run = group.RunFrom(group.Start(index));
    const int32_t begin = RangeBegin(range);
    const int32_t end = min(RangeBegin(range + 1), run.chunks);
    if (begin >= end) continue;
    __syncthreads();  // the run before is done with the shared memory
    PrefixSource<Tile> source = {
        plan.cache + kv_head * head_stride, PageTable(plan.batch, run.begin),
        2 * plan.layout.kv_heads * head_stride, plan.layout.ValueOffset(), head_dim};
    TileRing<Tile, PrefixSource<Tile>> ring(shared, source, begin, end);
    const Columns columns = {run.begin, static_cast<int64_t>(kv_head) * plan.group + first_head,
                             heads, (run.end - run.begin) * heads};
    LoadQueries<Tile>(shared, plan, columns);
    typename Tile::State state;
    Tile::Clear(state);
    ring.Attend(begin, state);
    StorePartial<Tile>(shared, plan, range, state);
  }
}

}  // namespace jangle
