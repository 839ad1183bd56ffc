// Walks the tree of each sequence along the choices of the model, and moves the keys and values of
// the rows walked to the slots from the committed position on (kv_move.cuh).
//
// A row's parent comes before it, so one pass over the rows in ascending order makes the walk: the
// next row is the first one whose parent is the row walked last and whose token is what the model
// chose there. Every block makes the walk for itself, by its first warp: that is cheaper than
// another kernel to wait for.
#include <cstdint>

#include "check.h"
#include "context.h"
#include "kv_move.cuh"
#include "launch.cuh"
#include "ptx/shared.cuh"
#include "reduce.cuh"
#include "run.h"
#include "unroll.cuh"

namespace jangle {
namespace {

static_assert(JG_MAX_TREE <= kMostMoves);

// The first of `live` rows that belongs to the sequence, or `live`. A warp calls.
__device__ __forceinline__ int32_t FirstRow(const BatchView& batch, int32_t live,
                                            int32_t sequence) {
  for (int32_t begin = 0; begin < live; begin += 32) {
    const int32_t row = begin + static_cast<int32_t>(threadIdx.x % 32);
    const uint32_t votes = __ballot_sync(kAllLanes, row < live && batch.sequence[row] == sequence);
    if (votes != 0) return begin + __ffs(static_cast<int>(votes)) - 1;
  }
  return live;
}

// Lists the moves of rows that are not in their place yet. A warp calls.
__device__ __forceinline__ void Walk(const BatchView& batch, int32_t sequence, const int32_t* ids,
                                     int64_t ldids, int64_t heads, int64_t pieces, KvMoves& moves) {
  constexpr int kGroups = JG_MAX_TREE / 32;
  const int32_t lane = static_cast<int32_t>(threadIdx.x % 32);
  const int32_t live = *batch.live;
  const int32_t first = FirstRow(batch, live, sequence);
  // Of rows whose token is the choice of their parent: the parent.
  int32_t chosen_by[kGroups];
  JG_UNROLL
  for (int g = 0; g < kGroups; g++) {
    const int32_t row = first + 32 * g + lane;
    chosen_by[g] = -1;
    if (row >= live || batch.sequence[row] != sequence) continue;
    const int32_t parent = batch.parent[row];
    if (parent >= 0 && batch.token[row] == ids[parent * ldids]) chosen_by[g] = parent;
  }
  int32_t last = first;
  int32_t walked = 1;
  int32_t count = 0;
  JG_UNROLL
  for (int g = 0; g < kGroups; g++) {
    for (;;) {
      const uint32_t votes = __ballot_sync(kAllLanes, chosen_by[g] == last);
      if (votes == 0) break;
      last = first + 32 * g + __ffs(static_cast<int>(votes)) - 1;
      if (last != first + walked && lane == 0) {
        const int32_t* pages = batch.pages + static_cast<int64_t>(sequence) * batch.max_pages;
        moves.from[count] = SlotPiece(pages, batch.slot[last], heads, pieces);
        moves.to[count] = SlotPiece(pages, batch.slot[first] + walked, heads, pieces);
        count++;
      }
      walked++;
    }
  }
  if (lane == 0) moves.count = count;
}

// Grid: pieces of a slot, layers, sequences.
template <typename T>
__global__ void __launch_bounds__(kMoveThreads)
    AcceptKernel(BatchView batch, const int32_t* ids, int64_t ldids, int64_t heads, int64_t pieces,
                 int64_t layer_bytes, uint8_t* cache) {
  auto& moves = SharedMemory<KvMoves>();
  if (threadIdx.x < 32) {
    Walk(batch, static_cast<int32_t>(blockIdx.z), ids, ldids, heads, pieces, moves);
  }
  __syncthreads();
  MovePieces<T>(moves, heads, pieces, layer_bytes, cache);
}

template <typename T>
int32_t Run(jg_stream* stream, const AcceptArgs& args, int64_t pieces) {
  JG_CUDA(Launch(AcceptKernel<T>, MoveGrid(args, pieces, args.sequences), dim3(kMoveThreads),
                 sizeof(KvMoves), stream->stream, *args.batch, args.ids, args.ldids,
                 2 * args.kv_heads, pieces, args.layer_bytes,
                 static_cast<uint8_t*>(args.kv_pages)));
  return JG_OK;
}

}  // namespace

int32_t RunAccept(jg_stream* stream, const AcceptArgs& args) {
  return WithPieces(
      args, [&](auto piece, int64_t pieces) { return Run<decltype(piece)>(stream, args, pieces); });
}

}  // namespace jangle
