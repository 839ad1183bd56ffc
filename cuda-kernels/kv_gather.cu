// Moves keys and values of accepted slots down to the slots behind the committed ones.
//
// A thread owns one piece (an element, or 16 bytes where rows are whole ones) of every slot of one
// head, and no other thread touches it. It moves the slots in ascending order, several at a time:
// all are read before the first is written. No target lies past its source and both ascend, so a
// target is never the source of a later move: nothing is overwritten before it is read. The slots
// travel as kernel parameters, so that nothing is uploaded.
#include <algorithm>
#include <cstdint>

#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "run.h"
#include "unroll.cuh"

namespace jangle {
namespace {

constexpr int kThreads = 128;
constexpr int kMostMoves = 128;  // in one launch
constexpr int kLoads = 8;        // in flight per thread

// Pieces from a layer's begin to a slot's key of head 0.
struct Moves {
  int32_t count;
  int64_t from[kMostMoves];
  int64_t to[kMostMoves];
};

// `pieces` of one head's row; `heads` of keys and then of values. Grid: pieces of a slot, layers.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    KvGatherKernel(Moves moves, int64_t heads, int64_t pieces, int64_t layer_bytes,
                   uint8_t* cache) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= heads * pieces) return;
  T* base = reinterpret_cast<T*>(cache + blockIdx.y * layer_bytes) + i / pieces * JG_PAGE * pieces +
            i % pieces;
  for (int32_t first = 0; first < moves.count; first += kLoads) {
    T piece[kLoads];
    JG_UNROLL
    for (int j = 0; j < kLoads; j++) {
      if (first + j < moves.count) piece[j] = base[moves.from[first + j]];
    }
    JG_UNROLL
    for (int j = 0; j < kLoads; j++) {
      if (first + j < moves.count) base[moves.to[first + j]] = piece[j];
    }
  }
}

template <typename T>
int32_t Run(jg_stream* stream, const KvGatherArgs& args, int64_t pieces) {
  const int64_t heads = 2 * args.kv_heads;
  const dim3 grid(static_cast<uint32_t>((heads * pieces + kThreads - 1) / kThreads),
                  static_cast<uint32_t>(args.layers));
  const auto at = [&](int32_t slot) {
    return (args.page_table[slot / JG_PAGE] * heads * JG_PAGE + slot % JG_PAGE) * pieces;
  };
  for (int64_t first = 0; first < args.count; first += kMostMoves) {
    Moves moves = {};
    for (int64_t i = first; i < std::min(args.count, first + kMostMoves); i++) {
      if (args.from[i] == args.to[i]) continue;
      moves.from[moves.count] = at(args.from[i]);
      moves.to[moves.count] = at(args.to[i]);
      moves.count++;
    }
    if (moves.count == 0) continue;
    JG_CUDA(Launch(KvGatherKernel<T>, grid, dim3(kThreads), 0, stream->stream, moves, heads, pieces,
                   args.layer_bytes, static_cast<uint8_t*>(args.kv_pages)));
  }
  return JG_OK;
}

}  // namespace

int32_t RunKvGather(jg_stream* stream, const KvGatherArgs& args) {
  const int64_t row_bytes = args.head_dim * (args.dtype == JG_F32 ? 4 : 2);
  const bool aligned = row_bytes % 16 == 0 && args.layer_bytes % 16 == 0 &&
                       reinterpret_cast<uintptr_t>(args.kv_pages) % 16 == 0;
  if (aligned) return Run<uint4>(stream, args, row_bytes / 16);
  return args.dtype == JG_F32 ? Run<uint32_t>(stream, args, args.head_dim)
                              : Run<uint16_t>(stream, args, args.head_dim);
}

}  // namespace jangle
