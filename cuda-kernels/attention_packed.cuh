// What the attention of training, forward and backward, have in common: the rows of packed samples,
// tiles of them in shared memory, and the two products of tiles.
//
// A block takes a block of kRows rows and a head. It cuts them into runs of rows of one sample and
// takes one after the other; a run meets only rows of its own sample, so samples cannot reach each
// other. A head of at most kMostDim elements makes tiles of 4,096 floats.
//
// A thread has four rows of every product, 4y..4y+3 with y = thread / 16, and of their columns
// x = thread % 16, x + 16, ... (scores) or the vectors of four elements x, x + 16, ... (sums). So
// 16 threads of one warp have all of a row, its sums need no barrier, and no access to shared
// memory meets another in a bank: rows are four floats longer than their tile is wide.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "error.h"
#include "jangle.h"
#include "row.cuh"
#include "unroll.cuh"

namespace jangle {

inline constexpr int kMostPackedDim = 256;  // elements of a head

// Of heads of at most kMostDim elements.
template <int kMostDim>
struct PackedTile {
  static constexpr int kRows = 4096 / kMostDim;
  static constexpr int kThreads = 4 * kRows;
  static constexpr int kStride = kMostDim + 4;     // floats between rows of a tile
  static constexpr int kFloats = kRows * kStride;  // of a tile
  static constexpr int kWeightStride = kRows + 4;  // floats between rows of weights
  static constexpr int kWeights = kRows * kWeightStride;
  static constexpr int kColumns = kRows / 16;     // of a thread in scores
  static constexpr int kVectors = kMostDim / 64;  // of a thread in sums
};

// The first row of row i's sample; what does not lie in [0, i] counts as the nearest that does.
__device__ __forceinline__ int64_t SampleStart(const int32_t* start, int64_t i) {
  return min(max(static_cast<int64_t>(start[i]), int64_t{0}), i);
}

// The first row behind `row`, at most `end`, that is of another sample. Starts ascend; where they
// do not, it is some row of these.
__device__ __forceinline__ int64_t SampleEnd(const int32_t* start, int64_t row, int64_t end) {
  const int64_t sample = SampleStart(start, row);
  int64_t same = row;  // is of the sample; `end` is not, as far as it matters
  while (end - same > 1) {
    const int64_t middle = same + (end - same) / 2;
    if (SampleStart(start, middle) == sample) {
      same = middle;
    } else {
      end = middle;
    }
  }
  return end;
}

// The rows of its sample that row i does not attend.
struct Gap {
  int32_t begin, end;
  __device__ __forceinline__ bool Has(int64_t row) const { return begin <= row && row < end; }
};
__device__ __forceinline__ Gap GapOf(const int32_t* gaps, int64_t i) {
  if (gaps == nullptr) return {0, 0};
  const int2 gap = reinterpret_cast<const int2*>(gaps)[i];
  return {gap.x, static_cast<int32_t>(min(static_cast<int64_t>(gap.y), i))};
}

// Those of `count` rows from row i on. A __syncthreads must lie before they are read.
template <typename Tile>
__device__ __forceinline__ void LoadGaps(Gap* to, const int32_t* gaps, int64_t i, int64_t count) {
  if (threadIdx.x < Tile::kRows) {
    to[threadIdx.x] = GapOf(gaps, i + min(static_cast<int64_t>(threadIdx.x), count - 1));
  }
}

// Copies `count` rows of a head of dim elements. The tile's other rows become 0, and so do elements
// from dim up to a multiple of 4.
template <typename Tile>
__device__ __forceinline__ void LoadTile(float* tile, const float* from, int64_t ld, int64_t count,
                                         int dim) {
  const int x = static_cast<int>(threadIdx.x % 16);
  const bool aligned = Aligned16(from) && ld % 4 == 0;
  for (int row = static_cast<int>(threadIdx.x / 16); row < Tile::kRows;
       row += Tile::kThreads / 16) {
    for (int d = 4 * x; d < dim; d += 64) {
      float4 v = make_float4(0, 0, 0, 0);
      if (row < count) v = Load4(from + row * ld, d, dim, aligned, 0);
      *reinterpret_cast<float4*>(tile + row * Tile::kStride + d) = v;
    }
  }
}

__device__ __forceinline__ float4 ReadVector(const float* shared) {
  return *reinterpret_cast<const float4*>(shared);
}

__device__ __forceinline__ void AddScaled(float4& sum, float weight, float4 v) {
  sum.x = fmaf(weight, v.x, sum.x);
  sum.y = fmaf(weight, v.y, sum.y);
  sum.z = fmaf(weight, v.z, sum.z);
  sum.w = fmaf(weight, v.w, sum.w);
}

// score[r][c] = row 4y + r of a times row x + 16c of b: one accumulator over dim, fma, ascending.
template <typename Tile>
__device__ __forceinline__ void Scores(const float* a, const float* b, int dim,
                                       float (&score)[4][Tile::kColumns]) {
  a += threadIdx.x / 16 * 4 * Tile::kStride;
  b += threadIdx.x % 16 * Tile::kStride;
  JG_UNROLL
  for (int r = 0; r < 4; r++) {
    JG_UNROLL
    for (int c = 0; c < Tile::kColumns; c++) score[r][c] = 0;
  }
  JG_NO_UNROLL
  for (int d = 0; d < dim; d += 4) {
    float4 rows[4];
    JG_UNROLL
    for (int r = 0; r < 4; r++) rows[r] = ReadVector(a + r * Tile::kStride + d);
    JG_UNROLL
    for (int c = 0; c < Tile::kColumns; c++) {
      const float4 column = ReadVector(b + 16 * c * Tile::kStride + d);
      JG_UNROLL
      for (int r = 0; r < 4; r++) {
        float sum = score[r][c];
        sum = fmaf(rows[r].x, column.x, sum);
        sum = fmaf(rows[r].y, column.y, sum);
        sum = fmaf(rows[r].z, column.z, sum);
        score[r][c] = fmaf(rows[r].w, column.w, sum);
      }
    }
  }
}

// A thread's scores become weights of its rows; a __syncwarp must lie before they are read.
template <typename Tile>
__device__ __forceinline__ void WriteWeights(const float (&weight)[4][Tile::kColumns], float* to) {
  to += threadIdx.x / 16 * 4 * Tile::kWeightStride + threadIdx.x % 16;
  JG_UNROLL
  for (int r = 0; r < 4; r++) {
    JG_UNROLL
    for (int c = 0; c < Tile::kColumns; c++) to[r * Tile::kWeightStride + 16 * c] = weight[r][c];
  }
}

// sum[r][v] += over the tile's rows j, ascending, weights[4y + r][j] * vector x + 16v of row j.
template <typename Tile>
__device__ __forceinline__ void AddWeighted(const float* weights, const float* tile, int dim,
                                            float4 (&sum)[4][Tile::kVectors]) {
  const int d = static_cast<int>(threadIdx.x % 16) * 4;
  weights += threadIdx.x / 16 * 4 * Tile::kWeightStride;
  JG_NO_UNROLL
  for (int j = 0; j < Tile::kRows; j += 4) {
    float4 four[4];
    JG_UNROLL
    for (int r = 0; r < 4; r++) four[r] = ReadVector(weights + r * Tile::kWeightStride + j);
    JG_UNROLL
    for (int v = 0; v < Tile::kVectors; v++) {
      if (d + 64 * v >= dim) continue;
      const float* at = tile + j * Tile::kStride + d + 64 * v;
      const float4 first = ReadVector(at);
      const float4 second = ReadVector(at + Tile::kStride);
      const float4 third = ReadVector(at + 2 * Tile::kStride);
      const float4 fourth = ReadVector(at + 3 * Tile::kStride);
      JG_UNROLL
      for (int r = 0; r < 4; r++) {
        AddScaled(sum[r][v], four[r].x, first);
        AddScaled(sum[r][v], four[r].y, second);
        AddScaled(sum[r][v], four[r].z, third);
        AddScaled(sum[r][v], four[r].w, fourth);
      }
    }
  }
}

template <typename Tile>
__device__ __forceinline__ void Scale(float4 (&sum)[Tile::kVectors], float factor) {
  JG_UNROLL
  for (int v = 0; v < Tile::kVectors; v++) {
    sum[v] =
        make_float4(sum[v].x * factor, sum[v].y * factor, sum[v].z * factor, sum[v].w * factor);
  }
}

// Writes a row's sums, this thread's vectors of them, to its dim elements.
template <typename Tile>
__device__ __forceinline__ void StoreRow(const float4 (&sum)[Tile::kVectors], float* row, int dim) {
  const bool aligned = Aligned16(row);
  JG_UNROLL
  for (int v = 0; v < Tile::kVectors; v++) {
    const int d = static_cast<int>(threadIdx.x % 16) * 4 + 64 * v;
    if (d < dim) Store4(row, d, dim, aligned, sum[v]);
  }
}

inline int32_t CheckPackedDim(const char* call, int64_t head_dim) {
  if (head_dim <= kMostPackedDim) return JG_OK;
  return Fail(JG_UNSUPPORTED,
              "%s: head_dim %lld; on CUDA at most %d. Train on the CPU, which takes any", call,
              static_cast<long long>(head_dim), kMostPackedDim);
}

}  // namespace jangle
