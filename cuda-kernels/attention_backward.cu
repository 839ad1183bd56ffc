// Gradients of attention_forward.cu, without atomics, in two kernels that each compute the weights
// p_ij = exp(scale q_i k_j - lse_i), or 0 in row i's gap, again:
//   delta_i = sum of out_i dout_i
//   ds_ij = p_ij (dout_i v_j - delta_i)
//   dq_i = scale * sum_j ds_ij k_j                              one block per rows of queries, head
//   dv_j = sum_i p_ij dout_i,  dk_j = scale * sum_i ds_ij q_i   one block per rows of keys, key
//   head
// See attention_packed.cuh. Order of arithmetic: a dot product over head_dim has one accumulator,
// fma, ascending, but for delta's, which 32 lanes share; a sum over keys or queries has one
// accumulator, fma, ascending over the sample, and that of dk and dv goes on over the query heads
// of the group. So no bit depends on where the tiles begin.
//
// Scratch: delta [rows][heads].
#include <cuda_runtime.h>

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

constexpr int kDeltaThreads = 128;  // four warps with a head each

template <typename Tile>
struct BackwardShared {
  float q[Tile::kFloats];
  float dout[Tile::kFloats];
  float k[Tile::kFloats];
  float v[Tile::kFloats];
  float weights[Tile::kWeights];
  float lse[Tile::kRows];  // of the queries that are a tile's columns
  float delta[Tile::kRows];
  Gap gap[Tile::kRows];  // of the queries
};

// Grid: row, four heads.
__global__ void __launch_bounds__(kDeltaThreads) AttentionDeltaKernel(AttentionBackwardArgs a) {
  const int64_t row = blockIdx.x;
  const int64_t head = 4 * static_cast<int64_t>(blockIdx.y) + threadIdx.x / 32;
  if (head >= a.heads) return;
  const float* out = a.out + row * a.ldout + head * a.head_dim;
  const float* dout = a.dout + row * a.ldout + head * a.head_dim;
  float sum = 0;
  for (int64_t d = threadIdx.x % 32; d < a.head_dim; d += 32) sum = fmaf(out[d], dout[d], sum);
  sum = WarpSum(sum);
  if (threadIdx.x % 32 == 0) static_cast<float*>(a.scratch)[row * a.heads + head] = sum;
}

template <typename Tile>
__device__ __forceinline__ void Clear(float4 (&sum)[4][Tile::kVectors]) {
  JG_UNROLL
  for (int r = 0; r < 4; r++) {
    JG_UNROLL
    for (int v = 0; v < Tile::kVectors; v++) sum[r][v] = make_float4(0, 0, 0, 0);
  }
}

// dq of rows [row, end) of one sample.
template <typename Tile>
__device__ __forceinline__ void QueryRun(const AttentionBackwardArgs& a, int64_t head, int64_t row,
                                         int64_t end) {
  auto& s = SharedMemory<BackwardShared<Tile>>();
  const int dim = static_cast<int>(a.head_dim);
  const int64_t query_at = head * dim;
  const int64_t key_at = head / (a.heads / a.kv_heads) * dim;
  const int x = static_cast<int>(threadIdx.x % 16);
  const int y = static_cast<int>(threadIdx.x / 16);
  const int64_t own = row + 4 * y;  // the first of the thread's rows
  LoadTile<Tile>(s.q, a.q + row * a.ldq + query_at, a.ldq, end - row, dim);
  LoadTile<Tile>(s.dout, a.dout + row * a.ldout + query_at, a.ldout, end - row, dim);
  LoadGaps<Tile>(s.gap, a.gaps, row, end - row);
  float lse[4];
  float delta[4];
  JG_UNROLL
  for (int r = 0; r < 4; r++) {
    const int64_t at = min(own + r, end - 1) * a.heads + head;
    lse[r] = a.lse[at];
    delta[r] = static_cast<const float*>(a.scratch)[at];
  }
  float4 dq[4][Tile::kVectors];
  Clear<Tile>(dq);
  for (int64_t key = SampleStart(a.start, row); key < end; key += Tile::kRows) {
    LoadTile<Tile>(s.k, a.k + key * a.ldkv + key_at, a.ldkv, end - key, dim);
    LoadTile<Tile>(s.v, a.v + key * a.ldkv + key_at, a.ldkv, end - key, dim);
    __syncthreads();
    float score[4][Tile::kColumns];
    float slope[4][Tile::kColumns];
    Scores<Tile>(s.q, s.k, dim, score);
    Scores<Tile>(s.dout, s.v, dim, slope);
    const int keys = static_cast<int>(row - key) + 4 * y + 1;  // that row 0 sees of the tile
    JG_UNROLL
    for (int r = 0; r < 4; r++) {
      JG_UNROLL
      for (int c = 0; c < Tile::kColumns; c++) {
        const float weight = expf(score[r][c] * a.scale - lse[r]);
        const bool seen = x + 16 * c < keys + r && !s.gap[4 * y + r].Has(key + x + 16 * c);
        slope[r][c] = seen ? weight * (slope[r][c] - delta[r]) : 0;
      }
    }
    WriteWeights<Tile>(slope, s.weights);
    __syncwarp();
    AddWeighted<Tile>(s.weights, s.k, dim, dq);
    __syncthreads();  // the tiles become those of the next keys
  }
  JG_UNROLL
  for (int r = 0; r < 4; r++) {
    if (own + r >= end) break;
    Scale<Tile>(dq[r], a.scale);
    StoreRow<Tile>(dq[r], a.dq + (own + r) * a.ldq + query_at, dim);
  }
}

// dk and dv of rows [row, end) of one sample, which ends at row `last`.
template <typename Tile>
__device__ __forceinline__ void KeyRun(const AttentionBackwardArgs& a, int64_t kv_head, int64_t row,
                                       int64_t end, int64_t last) {
  auto& s = SharedMemory<BackwardShared<Tile>>();
  const int dim = static_cast<int>(a.head_dim);
  const int64_t key_at = kv_head * dim;
  const int64_t group = a.heads / a.kv_heads;
  const int x = static_cast<int>(threadIdx.x % 16);
  const int y = static_cast<int>(threadIdx.x / 16);
  const int64_t own = row + 4 * y;  // the first of the thread's rows
  LoadTile<Tile>(s.k, a.k + row * a.ldkv + key_at, a.ldkv, end - row, dim);
  LoadTile<Tile>(s.v, a.v + row * a.ldkv + key_at, a.ldkv, end - row, dim);
  float4 dk[4][Tile::kVectors];
  float4 dv[4][Tile::kVectors];
  Clear<Tile>(dk);
  Clear<Tile>(dv);
  for (int64_t head = kv_head * group; head < (kv_head + 1) * group; head++) {
    for (int64_t query = row; query < last; query += Tile::kRows) {
      LoadTile<Tile>(s.q, a.q + query * a.ldq + head * dim, a.ldq, last - query, dim);
      LoadTile<Tile>(s.dout, a.dout + query * a.ldout + head * dim, a.ldout, last - query, dim);
      LoadGaps<Tile>(s.gap, a.gaps, query, last - query);
      if (threadIdx.x < Tile::kRows) {
        const int64_t at = min(query + threadIdx.x, last - 1) * a.heads + head;
        s.lse[threadIdx.x] = a.lse[at];
        s.delta[threadIdx.x] = static_cast<const float*>(a.scratch)[at];
      }
      __syncthreads();
      float weight[4][Tile::kColumns];
      float slope[4][Tile::kColumns];
      Scores<Tile>(s.k, s.q, dim, weight);
      Scores<Tile>(s.v, s.dout, dim, slope);
      const int first = static_cast<int>(row - query) + 4 * y;  // of the tile's that see row 0
      const int count = static_cast<int>(min(last - query, int64_t{Tile::kRows}));
      JG_UNROLL
      for (int r = 0; r < 4; r++) {
        JG_UNROLL
        for (int c = 0; c < Tile::kColumns; c++) {
          const int i = x + 16 * c;
          const bool seen = first + r <= i && i < count && !s.gap[i].Has(own + r);
          weight[r][c] = seen ? expf(weight[r][c] * a.scale - s.lse[i]) : 0;
          slope[r][c] = seen ? weight[r][c] * (slope[r][c] - s.delta[i]) : 0;
        }
      }
      WriteWeights<Tile>(weight, s.weights);
      __syncwarp();
      AddWeighted<Tile>(s.weights, s.dout, dim, dv);
      __syncwarp();  // the weights become slopes
      WriteWeights<Tile>(slope, s.weights);
      __syncwarp();
      AddWeighted<Tile>(s.weights, s.q, dim, dk);
      __syncthreads();  // the tiles become those of the next queries
    }
  }
  JG_UNROLL
  for (int r = 0; r < 4; r++) {
    if (own + r >= end) break;
    Scale<Tile>(dk[r], a.scale);
    StoreRow<Tile>(dk[r], a.dk + (own + r) * a.ldkv + key_at, dim);
    StoreRow<Tile>(dv[r], a.dv + (own + r) * a.ldkv + key_at, dim);
  }
}

// Grid: block of rows, the last, which has the most keys, first; query head.
template <int kMostDim>
__global__ void __launch_bounds__(PackedTile<kMostDim>::kThreads)
    AttentionBackwardQueriesKernel(AttentionBackwardArgs a) {
  using Tile = PackedTile<kMostDim>;
  const int64_t begin = (gridDim.x - 1 - blockIdx.x) * static_cast<int64_t>(Tile::kRows);
  const int64_t last = min(a.rows, begin + Tile::kRows);
  for (int64_t row = begin; row < last;) {
    const int64_t end = SampleEnd(a.start, row, last);
    QueryRun<Tile>(a, blockIdx.y, row, end);
    row = end;
  }
}

// Grid: block of rows, key head.
template <int kMostDim>
__global__ void __launch_bounds__(PackedTile<kMostDim>::kThreads)
    AttentionBackwardKeysKernel(AttentionBackwardArgs a) {
  using Tile = PackedTile<kMostDim>;
  const int64_t begin = blockIdx.x * static_cast<int64_t>(Tile::kRows);
  const int64_t last = min(a.rows, begin + Tile::kRows);
  for (int64_t row = begin; row < last;) {
    const int64_t end = SampleEnd(a.start, row, last);
    KeyRun<Tile>(a, blockIdx.y, row, end, SampleEnd(a.start, row, a.rows));
    row = end;
  }
}

template <int kMostDim>
int32_t Run(jg_stream* stream, const AttentionBackwardArgs& args) {
  using Tile = PackedTile<kMostDim>;
  constexpr size_t kShared = sizeof(BackwardShared<Tile>);
  static_assert(kShared <= 99 * 1024);  // of a block on sm_86 and 120
  const auto blocks = static_cast<unsigned>((args.rows + Tile::kRows - 1) / Tile::kRows);
  const dim3 queries(blocks, static_cast<unsigned>(args.heads));
  const dim3 keys(blocks, static_cast<unsigned>(args.kv_heads));
  JG_CUDA((LaunchShared<AttentionBackwardQueriesKernel<kMostDim>, kShared>(
      queries, dim3(Tile::kThreads), stream->stream, args)));
  JG_CUDA((LaunchShared<AttentionBackwardKeysKernel<kMostDim>, kShared>(keys, dim3(Tile::kThreads),
                                                                        stream->stream, args)));
  return JG_OK;
}

}  // namespace

int64_t AttentionBackwardScratchBytes(jg_context*, int64_t rows, int64_t heads, int64_t, int64_t) {
  return rows * heads * static_cast<int64_t>(sizeof(float));
}

int32_t RunAttentionBackward(jg_stream* stream, const AttentionBackwardArgs& args) {
  if (int32_t status = CheckPackedDim("jg_attention_backward", args.head_dim)) return status;
  const dim3 grid(static_cast<unsigned>(args.rows), static_cast<unsigned>((args.heads + 3) / 4));
  JG_CUDA(Launch(AttentionDeltaKernel, grid, dim3(kDeltaThreads), 0, stream->stream, args));
  if (args.head_dim <= 64) return Run<64>(stream, args);
  if (args.head_dim <= 128) return Run<128>(stream, args);
  return Run<kMostPackedDim>(stream, args);
}

}  // namespace jangle
