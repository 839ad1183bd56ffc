// Moves keys and values from slot to slot. Shared by kv_gather.cu and accept.cu.
//
// A thread owns one piece (an element, or 16 bytes where rows are whole ones) of every slot of one
// head, and no other thread touches it. It moves the slots in ascending order, several at a time:
// all are read before the first is written. No target lies past its source and both ascend, so a
// target is never the source of a later move: nothing is overwritten before it is read.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "jangle.h"
#include "unroll.cuh"

namespace jangle {

constexpr int kMoveThreads = 128;
constexpr int kMostMoves = 128;

// In pieces, from a layer's begin to a slot's key of head 0.
struct KvMoves {
  int32_t count;
  int64_t from[kMostMoves];
  int64_t to[kMostMoves];
};

// `heads` counts those of keys and those of values; `pieces` are of one head's row.
__host__ __device__ __forceinline__ int64_t SlotPiece(const int32_t* page_table, int32_t slot,
                                                      int64_t heads, int64_t pieces) {
  return (page_table[slot / JG_PAGE] * heads * JG_PAGE + slot % JG_PAGE) * pieces;
}

// Of block (x, y): pieces of a slot, a layer.
template <typename T>
__device__ __forceinline__ void MovePieces(const KvMoves& moves, int64_t heads, int64_t pieces,
                                           int64_t layer_bytes, uint8_t* cache) {
  constexpr int kLoads = 8;  // in flight per thread
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kMoveThreads + threadIdx.x;
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

// Calls run(piece, pieces), with a value of the largest type that the cache can be moved in.
template <typename Args, typename Run>
int32_t WithPieces(const Args& args, const Run& run) {
  const int64_t row_bytes = args.head_dim * (args.dtype == JG_F32 ? 4 : 2);
  const bool aligned = row_bytes % 16 == 0 && args.layer_bytes % 16 == 0 &&
                       reinterpret_cast<uintptr_t>(args.kv_pages) % 16 == 0;
  if (aligned) return run(uint4{}, row_bytes / 16);
  return args.dtype == JG_F32 ? run(uint32_t{}, args.head_dim) : run(uint16_t{}, args.head_dim);
}

template <typename Args>
dim3 MoveGrid(const Args& args, int64_t pieces, int64_t sequences) {
  const int64_t blocks = (2 * args.kv_heads * pieces + kMoveThreads - 1) / kMoveThreads;
  return dim3(static_cast<uint32_t>(blocks), static_cast<uint32_t>(args.layers),
              static_cast<uint32_t>(sequences));
}

}  // namespace jangle
