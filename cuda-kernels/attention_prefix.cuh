// The first kernel of attention over an F16 cache: chunks that a whole run of rows shares. A block
// takes one range of one key head, for as many of a run's columns as a tile has, and writes the
// state that the range's shared chunks leave.
#pragma once

#include "attention_ring.cuh"

namespace jangle {

// Chunks that lie in slots of the same numbers, whole.
template <typename Tile>
class PrefixSource {
 public:
  using Share = CopyShare<Tile>;

  // `cache`: the key head's part of page 0; `pages`: of the first chunk and those after it. A page
  // has less than 2^31 elements, since a grid has less than 2^16 key heads.
  __device__ __forceinline__ PrefixSource(const CacheLayout& layout, const uint16_t* cache,
                                          const int32_t* pages)
      : pages_(pages),
        lane_(cache + Share::Key(0) * layout.head_dim + Share::Element()),
        value_offset_(static_cast<int32_t>(layout.ValueOffset())),
        copy_stride_(static_cast<int32_t>(Share::kKeys * layout.head_dim)),
        valid_(Share::Element() < layout.head_dim) {}

  template <bool kValues>
  __device__ __forceinline__ void Copy(uint16_t* tile) {
    from_ = kValues ? from_ + value_offset_
                    : lane_ + static_cast<int64_t>(*pages_++) * (2 * value_offset_);
    JG_UNROLL
    for (int i = 0; i < Share::kCopies; i++) {
      CpAsync16OrZero(Share::To(tile, i), from_ + i * copy_stride_, valid_);
    }
  }
  __device__ __forceinline__ int Count(int32_t) const { return kChunk; }
  __device__ __forceinline__ void Finish(int32_t, typename Tile::State&) const {}

 private:
  const int32_t* pages_;
  const uint16_t* const lane_;  // this thread's first unit in page 0
  const uint16_t* from_ = nullptr;
  const int32_t value_offset_, copy_stride_;
  const bool valid_;
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
      if (Tile::KeyWarp() == 0 && Tile::Lane() < 4) {
        plan.partial_sums[at] = make_float2(state.maximum[n][c], state.sum[n][c]);
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
  const int32_t range = static_cast<int32_t>(blockIdx.y);
  const int32_t head_blocks = (plan.group + plan.block_heads - 1) / plan.block_heads;
  const int32_t kv_head = static_cast<int32_t>(blockIdx.z) / head_blocks;
  const int32_t first_head = static_cast<int32_t>(blockIdx.z) % head_blocks * plan.block_heads;
  const int32_t heads = min(plan.block_heads, plan.group - first_head);
  const int64_t head_stride = JG_PAGE * plan.layout.head_dim;
  JG_NO_UNROLL
  for (int32_t index = static_cast<int32_t>(blockIdx.x) % plan.turns;; index += plan.turns) {
    const int32_t first_row = static_cast<int32_t>(blockIdx.x) / plan.turns * plan.run_rows;
    const RowGroup group = LoadRowGroup(plan.batch, first_row, plan.run_rows);
    if (index >= group.Runs()) break;
    const Run run = group.RunFrom(group.Start(index));
    const int32_t begin = RangeBegin(range);
    const int32_t end = min(RangeBegin(range + 1), run.chunks);
    if (begin >= end) continue;
    __syncthreads();  // the run before is done with the shared memory
    PrefixSource<Tile> source(plan.layout, plan.cache + kv_head * head_stride,
                              PageTable(plan.batch, run.begin) + begin);
    TileRing<Tile, PrefixSource<Tile>> ring(shared, source, end - begin);
    const Columns columns = {run.begin, static_cast<int64_t>(kv_head) * plan.group + first_head,
                             heads, (run.end - run.begin) * heads};
    WriteQueries<Tile>(shared, plan, columns);
    typename Tile::State state;
    Tile::Clear(state);
    ring.Attend(begin, state);
    StorePartial<Tile>(shared, plan, range, state);
  }
}

}  // namespace jangle
