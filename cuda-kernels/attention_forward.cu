// Causal grouped-query attention over packed samples, for training; every row attends its own
// sample up to itself, but for the row's gap. Besides the output it keeps the logarithm of each
// row's sum of exponentials.
//
// One block per (block of rows, query head); see attention_packed.cuh. Keys are taken in tiles that
// count from the first row of the sample, so a row's bits depend on its sample alone, not on where
// in the pack that lies. Order of arithmetic, per row and head, over the tiles in ascending order:
//   score   one accumulator over head_dim, fma, ascending; times scale; -inf in the gap
//   M'      the larger of M and the largest score of the tile
//   weight  exp(score - M')
//   l       l exp(M - M') + the sum of the weights, a thread's own in ascending order, then the
//   tree
//           of 16 threads
//   out     out exp(M - M'), then one accumulator over keys, fma, ascending
// and at the end out / l, lse = M + ln l.
#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>

#include "attention_packed.cuh"
#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "ptx/shared.cuh"
#include "reduce.cuh"
#include "run_training.h"

namespace jangle {
namespace {

template <typename Tile>
struct ForwardShared {
  float q[Tile::kFloats];
  float k[Tile::kFloats];
  float v[Tile::kFloats];
  float weights[Tile::kWeights];
  Gap gap[Tile::kRows];
};

// Over the 16 threads that share a row.
__device__ __forceinline__ float RowMax(float value) {
  for (int lanes = 8; lanes > 0; lanes /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, lanes));
  }
  return value;
}

__device__ __forceinline__ float RowSum(float value) {
  for (int lanes = 8; lanes > 0; lanes /= 2) value += __shfl_xor_sync(kAllLanes, value, lanes);
  return value;
}

// What a thread knows of its four rows.
template <typename Tile>
struct Rows {
  float largest[4];
  float sum[4];
  float4 out[4][Tile::kVectors];
};

// Rows that see `keys` keys of the tile, which begins at row `key`, row 0 of them; row r sees r
// more, but none in its gap. Scores become weights.
template <typename Tile>
__device__ __forceinline__ void Softmax(int64_t key, int keys, const Gap* gap, float scale,
                                        float (&score)[4][Tile::kColumns], Rows<Tile>& rows) {
  const int x = static_cast<int>(threadIdx.x % 16);
  JG_UNROLL
  for (int r = 0; r < 4; r++) {
    float largest = -INFINITY;
    JG_UNROLL
    for (int c = 0; c < Tile::kColumns; c++) {
      const int j = x + 16 * c;
      const bool seen = j < keys + r && !gap[r].Has(key + j);
      score[r][c] = seen ? score[r][c] * scale : -INFINITY;
      largest = fmaxf(largest, score[r][c]);
    }
    largest = fmaxf(rows.largest[r], RowMax(largest));
    // A gap may have all keys so far: their weights are 0, not exp(-inf + inf).
    const float finite = largest == -INFINITY ? 0 : largest;
    float sum = 0;
    JG_UNROLL
    for (int c = 0; c < Tile::kColumns; c++) {
      score[r][c] = expf(score[r][c] - finite);
      sum += score[r][c];
    }
    const float keep = expf(rows.largest[r] - finite);
    rows.largest[r] = largest;
    rows.sum[r] = fmaf(rows.sum[r], keep, RowSum(sum));
    Scale<Tile>(rows.out[r], keep);
  }
}

// Rows [row, end) of one sample.
template <typename Tile>
__device__ __forceinline__ void Attend(const AttentionForwardArgs& a, int64_t head, int64_t row,
                                       int64_t end) {
  auto& s = SharedMemory<ForwardShared<Tile>>();
  const int dim = static_cast<int>(a.head_dim);
  const int64_t query_at = head * dim;
  const int64_t key_at = head / (a.heads / a.kv_heads) * dim;
  const int y = static_cast<int>(threadIdx.x / 16);
  LoadTile<Tile>(s.q, a.q + row * a.ldq + query_at, a.ldq, end - row, dim);
  LoadGaps<Tile>(s.gap, a.gaps, row, end - row);
  Rows<Tile> rows;
  JG_UNROLL
  for (int r = 0; r < 4; r++) {
    rows.largest[r] = -INFINITY;
    rows.sum[r] = 0;
    JG_UNROLL
    for (int v = 0; v < Tile::kVectors; v++) rows.out[r][v] = make_float4(0, 0, 0, 0);
  }
  for (int64_t key = SampleStart(a.start, row); key < end; key += Tile::kRows) {
    LoadTile<Tile>(s.k, a.k + key * a.ldkv + key_at, a.ldkv, end - key, dim);
    LoadTile<Tile>(s.v, a.v + key * a.ldkv + key_at, a.ldkv, end - key, dim);
    __syncthreads();
    float score[4][Tile::kColumns];
    Scores<Tile>(s.q, s.k, dim, score);
    Softmax<Tile>(key, static_cast<int>(row - key) + 4 * y + 1, s.gap + 4 * y, a.scale, score,
                  rows);
    WriteWeights<Tile>(score, s.weights);
    __syncwarp();
    AddWeighted<Tile>(s.weights, s.v, dim, rows.out);
    __syncthreads();  // the tiles become those of the next keys
  }
  JG_UNROLL
  for (int r = 0; r < 4; r++) {
    const int64_t i = row + 4 * y + r;
    if (i >= end) break;
    JG_UNROLL
    for (int v = 0; v < Tile::kVectors; v++) {
      float4& out = rows.out[r][v];
      out = make_float4(out.x / rows.sum[r], out.y / rows.sum[r], out.z / rows.sum[r],
                        out.w / rows.sum[r]);
    }
    StoreRow<Tile>(rows.out[r], a.out + i * a.ldout + query_at, dim);
    if (threadIdx.x % 16 == 0) a.lse[i * a.heads + head] = rows.largest[r] + logf(rows.sum[r]);
  }
}

// Grid: block of rows, the last, which has the most keys, first; query head.
template <int kMostDim>
__global__ void __launch_bounds__(PackedTile<kMostDim>::kThreads)
    AttentionForwardKernel(AttentionForwardArgs a) {
  using Tile = PackedTile<kMostDim>;
  const int64_t begin = (gridDim.x - 1 - blockIdx.x) * static_cast<int64_t>(Tile::kRows);
  const int64_t last = min(a.rows, begin + Tile::kRows);
  for (int64_t row = begin; row < last;) {
    const int64_t end = SampleEnd(a.start, row, last);
    Attend<Tile>(a, blockIdx.y, row, end);
    row = end;
  }
}

template <int kMostDim>
int32_t Run(jg_stream* stream, const AttentionForwardArgs& args) {
  using Tile = PackedTile<kMostDim>;
  static_assert(sizeof(ForwardShared<Tile>) <= 99 * 1024);  // of a block on sm_86 and 120
  const dim3 grid(static_cast<unsigned>((args.rows + Tile::kRows - 1) / Tile::kRows),
                  static_cast<unsigned>(args.heads));
  JG_CUDA((LaunchShared<AttentionForwardKernel<kMostDim>, sizeof(ForwardShared<Tile>)>(
      grid, dim3(Tile::kThreads), stream->stream, args)));
  return JG_OK;
}

}  // namespace

int64_t AttentionForwardScratchBytes(jg_context*, int64_t, int64_t, int64_t, int64_t) { return 0; }

int32_t RunAttentionForward(jg_stream* stream, const AttentionForwardArgs& args) {
  if (int32_t status = CheckPackedDim("jg_attention_forward", args.head_dim)) return status;
  if (args.head_dim <= 64) return Run<64>(stream, args);
  if (args.head_dim <= 128) return Run<128>(stream, args);
  return Run<kMostPackedDim>(stream, args);
}

}  // namespace jangle
