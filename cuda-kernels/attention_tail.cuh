// The second kernel of attention over an F16 cache: what a row does not share. A block takes one
// row and up to 8 query heads of one key head. It folds the ranges that the first kernel has
// finished, in ascending order; continues the range that it has begun; and goes on through the
// row's own chunks, whose keys are gathered through the ancestor list.
#pragma once

#include "attention_ring.cuh"

namespace jangle {

// Chunks that a row may have left after the first kernel: all positions of a tree, and the
// committed ones before it in its first chunk.
constexpr int kTailChunks = (JG_PAGE - 1 + JG_MAX_TREE - 1) / JG_PAGE + 1;

template <int kDim>
struct TailShared {
  typename AttentionTile<kDim, 1>::Shared tile;
  // Where the keys of the row's own chunks lie, in elements from the layer's begin, or -1.
  int64_t keys[kTailChunks * kChunk];
};

// Loads the state that a range's shared chunks have left. Columns that are none get zeros.
template <typename Tile>
__device__ __forceinline__ void LoadPartial(const AttentionPlan& plan, const Columns& columns,
                                            int32_t range, typename Tile::State& state) {
  const int64_t head_dim = plan.layout.head_dim;
  Tile::Clear(state);
  JG_UNROLL
  for (int c = 0; c < 2; c++) {
    const int column = Tile::Column(0, c);
    if (column >= columns.count) continue;
    const int64_t at = plan.Partial(range, columns.row * plan.heads + columns.head + column);
    const float2 sums = plan.partial_sums[at];
    state.maximum[0][c] = sums.x;
    state.sum[0][c] = sums.y;
    const float* outputs = plan.partial_outputs + at * head_dim;
    JG_UNROLL
    for (int i = c; i < 4; i += 2) {
      JG_UNROLL
      for (int m = 0; m < Tile::kDimTiles; m++) {
        if (Tile::Dim(m, i) < head_dim) state.output[m][0][i] = outputs[Tile::Dim(m, i)];
      }
    }
  }
}

// total = total, then range.
template <typename Tile>
__device__ __forceinline__ void Fold(typename Tile::State& total,
                                     const typename Tile::State& range) {
  JG_UNROLL
  for (int c = 0; c < 2; c++) {
    const float most = fmaxf(total.maximum[0][c], range.maximum[0][c]);
    const float keep = Exp2(total.maximum[0][c] - most);
    const float gain = Exp2(range.maximum[0][c] - most);
    total.maximum[0][c] = most;
    total.sum[0][c] = fmaf(range.sum[0][c], gain, total.sum[0][c] * keep);
    JG_UNROLL
    for (int i = c; i < 4; i += 2) {
      JG_UNROLL
      for (int m = 0; m < Tile::kDimTiles; m++) {
        total.output[m][0][i] = fmaf(range.output[m][0][i], gain, total.output[m][0][i] * keep);
      }
    }
  }
}

// Folds ranges [0, ranges). Several are loaded at a time, so that memory is waited for less often.
template <typename Tile>
__device__ __forceinline__ void FoldPartials(const AttentionPlan& plan, const Columns& columns,
                                             int32_t ranges, typename Tile::State& total) {
  constexpr int kLoads = Tile::kDims == 256 ? 2 : 4;
  typename Tile::State partial[kLoads];
  JG_NO_UNROLL
  for (int32_t first = 0; first < ranges; first += kLoads) {
    JG_UNROLL
    for (int i = 0; i < kLoads; i++) {
      if (first + i < ranges) LoadPartial<Tile>(plan, columns, first + i, partial[i]);
    }
    JG_UNROLL
    for (int i = 0; i < kLoads; i++) {
      if (first + i < ranges) Fold<Tile>(total, partial[i]);
    }
  }
}

template <typename Tile>
struct TailSource {
  using Share = CopyShare<Tile>;

  const uint16_t* cache;
  const int64_t* keys;  // of the next chunk
  int64_t value_offset;
  int head_dim;
  int32_t position;  // of the row
  typename Tile::State* total;

  template <bool kValues>
  __device__ __forceinline__ void Copy(uint16_t* tile) {
    const int64_t offset = (kValues ? value_offset : 0) + Share::Element();
    JG_UNROLL
    for (int i = 0; i < Share::kCopies; i++) {
      const int64_t key = keys[Share::Key(i)];
      const bool valid = key >= 0 && Share::Element() < head_dim;
      CpAsync16OrZero(Share::To(tile, i), valid ? cache + key + offset : cache, valid);
    }
    if (kValues) keys += kChunk;
  }
  __device__ __forceinline__ int Count(int32_t chunk) const {
    return min(kChunk, position + 1 - chunk * kChunk);
  }
  __device__ __forceinline__ void Finish(int32_t chunk, typename Tile::State& state) const {
    if (RangeBegin(RangeOf(chunk + 1)) != chunk + 1) return;
    Fold<Tile>(*total, state);
    Tile::Clear(state);
  }
};

template <typename Tile>
__device__ __forceinline__ void StoreOutput(const AttentionPlan& plan, const Columns& columns,
                                            const typename Tile::State& total) {
  const int64_t head_dim = plan.layout.head_dim;
  JG_UNROLL
  for (int c = 0; c < 2; c++) {
    const int column = Tile::Column(0, c);
    if (column >= columns.count) continue;
    float* out = plan.out + columns.row * plan.ldout + (columns.head + column) * head_dim;
    JG_UNROLL
    for (int m = 0; m < Tile::kDimTiles; m++) {
      for (int i = c; i < 4; i += 2) {
        const int d = Tile::Dim(m, i);
        if (d < head_dim) out[d] = total.output[m][0][i] / total.sum[0][c];
      }
    }
  }
}

// Grid: row, (key head, 8 of its query heads).
template <int kDim>
__global__ void __launch_bounds__(kAttentionThreads, AttentionTile<kDim, 1>::kResident)
    AttentionTailKernel(const AttentionPlan plan) {
  using Tile = AttentionTile<kDim, 1>;
  auto& shared = SharedMemory<TailShared<kDim>>();
  const int32_t row = static_cast<int32_t>(blockIdx.x);
  const int32_t head_blocks = (plan.group + Tile::kColumns - 1) / Tile::kColumns;
  const int32_t kv_head = static_cast<int32_t>(blockIdx.y) / head_blocks;
  const int32_t first_head = static_cast<int32_t>(blockIdx.y) % head_blocks * Tile::kColumns;
  const int32_t heads = min(Tile::kColumns, plan.group - first_head);
  const Columns columns = {row, static_cast<int64_t>(kv_head) * plan.group + first_head, heads,
                           heads};
  const int32_t position = plan.batch.position[row];
  const RowGroup group =
      LoadRowGroup(plan.batch, row / plan.run_rows * plan.run_rows, plan.run_rows);
  const int32_t begin = group.RunOf(row - group.begin).chunks;
  const int32_t end = position / kChunk + 1;
  const int32_t range = RangeOf(begin);
  for (int i = static_cast<int>(threadIdx.x); i < (end - begin) * kChunk; i += kAttentionThreads) {
    const int32_t key = begin * kChunk + i;
    shared.keys[i] = key > position ? -1
                                    : plan.layout.Key(PageTable(plan.batch, row),
                                                      SlotOf(plan.batch, row, key), kv_head);
  }
  __syncthreads();
  typename Tile::State total;
  TailSource<Tile> source = {
      plan.cache, shared.keys, plan.layout.ValueOffset(), static_cast<int>(plan.layout.head_dim),
      position,   &total};
  TileRing<Tile, TailSource<Tile>> ring(shared.tile, source, end - begin);
  WriteQueries<Tile>(shared.tile, plan, columns);
  Tile::Clear(total);
  FoldPartials<Tile>(plan, columns, range, total);
  typename Tile::State state;
  if (RangeBegin(range) < begin) {
    LoadPartial<Tile>(plan, columns, range, state);
  } else {
    Tile::Clear(state);
  }
  ring.Attend(begin, state);
  Fold<Tile>(total, state);
  StoreOutput<Tile>(plan, columns, total);
}

}  // namespace jangle
