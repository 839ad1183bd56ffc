// Moves keys and values of accepted slots down to the slots behind the committed ones, see
// kv_move.cuh. The slots travel as kernel parameters, so that nothing is uploaded.
#include <algorithm>
#include <cstdint>

#include "check.h"
#include "context.h"
#include "kv_move.cuh"
#include "launch.cuh"
#include "run.h"

namespace jangle {
namespace {

// Grid: pieces of a slot, layers.
template <typename T>
__global__ void __launch_bounds__(kMoveThreads)
    KvGatherKernel(KvMoves moves, int64_t heads, int64_t pieces, int64_t layer_bytes,
                   uint8_t* cache) {
  MovePieces<T>(moves, heads, pieces, layer_bytes, cache);
}

template <typename T>
int32_t Run(jg_stream* stream, const KvGatherArgs& args, int64_t pieces) {
  const int64_t heads = 2 * args.kv_heads;
  for (int64_t first = 0; first < args.count; first += kMostMoves) {
    KvMoves moves = {};
    for (int64_t i = first; i < std::min(args.count, first + kMostMoves); i++) {
      if (args.from[i] == args.to[i]) continue;
      moves.from[moves.count] = SlotPiece(args.page_table, args.from[i], heads, pieces);
      moves.to[moves.count] = SlotPiece(args.page_table, args.to[i], heads, pieces);
      moves.count++;
    }
    if (moves.count == 0) continue;
    JG_CUDA(Launch(KvGatherKernel<T>, MoveGrid(args, pieces, 1), dim3(kMoveThreads), 0,
                   stream->stream, moves, heads, pieces, args.layer_bytes,
                   static_cast<uint8_t*>(args.kv_pages)));
  }
  return JG_OK;
}

}  // namespace

int32_t RunKvGather(jg_stream* stream, const KvGatherArgs& args) {
  return WithPieces(
      args, [&](auto piece, int64_t pieces) { return Run<decltype(piece)>(stream, args, pieces); });
}

}  // namespace jangle
