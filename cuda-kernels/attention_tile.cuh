// The arithmetic of attention over an F16 cache on tensor cores: 128 threads take up to 128
// columns, each a (row, query head) pair, through chunks of 64 keys. Both kernels go through here,
// so a chunk does the same to a column whichever kernel reads it and wherever its keys lie.
//
// Of a chunk, with keys and values as the A operand of mma.sync and columns as B (ptx/mma.cuh):
//   score   K . q of f16 products with f32 sums over ascending dimensions, 16 at a time, first with
//           the high and then with the low half of q; -inf for keys that the row lacks
//   M'      max(M, largest score)
//   weight  2^(score + (15 - M')) in f16. The 15, which cancels, keeps small weights normal; where
//           scores are so large that 15 - M' is rounded by as much, weights end at f16's range
//   sum     L 2^(M - M') + the weights; an mma with ones, 16 keys at a time, ascending
//   output  O 2^(M - M') + V . weight, likewise
// q is multiplied by scale * log2(e) first, then by a power of two per column so that f16 does not
// overflow, which scores are divided by, and split in two halves of f16, for the precision of f32.
//
// Each warp of a wide tile has columns of its own and all keys, so weights go from the accumulators
// of the scores to the operands of the outputs within the warp. The warps of a tile of 8 columns
// share the keys, and hand weights and maxima to each other through shared memory.
//
// Shared memory holds a ring of tiles of 64 keys or values, [64][kDim] (attention_ring.cuh). A
// row's 16-byte units are exchanged by its number (Unit), so that eight rows' same unit lie in
// different banks. Dimensions beyond head_dim and keys that the row lacks are zeros and never read,
// so whatever is left in the cache there has no effect.
#pragma once

#include <cfloat>
#include <type_traits>

#include "attention_plan.cuh"
#include "ptx/convert.cuh"
#include "ptx/exp2.cuh"
#include "ptx/ldmatrix.cuh"
#include "ptx/mma.cuh"
#include "ptx/movmatrix.cuh"
#include "ptx/shared.cuh"
#include "unroll.cuh"

namespace jangle {

constexpr int kAttentionThreads = 128;
constexpr int kChunk = JG_PAGE;
constexpr float kLog2E = 1.44269504f;
constexpr float kWeightExponent = 15.0f;

// The index of the first element of a 16-byte unit of a row of kUnits.
template <int kUnits>
__device__ __forceinline__ int Unit(int row, int unit) {
  return (row * kUnits + (unit ^ (row & 7))) * 8;
}

// The element `units` units further in the same row than `at`, where adding `units` % 8 to at's
// unit carries nothing. With constants this leaves few different addresses to keep.
__device__ __forceinline__ int Further(int at, int units) {
  return (at ^ (units % 8 * 8)) + units / 8 * 64;
}

// kDim dimensions (head_dim rounded up) and kGroups groups of 8 columns: 1, or a multiple of the 4
// warps. The warps stand side by side along the keys (along the dimensions of the output) of one
// group, or along the columns.
template <int kDim, int kGroups>
struct AttentionTile {
  static constexpr int kDims = kDim;
  static constexpr int kUnits = kDim / 8;
  static constexpr int kColumns = 8 * kGroups;
  static constexpr int kKeyWarps = kGroups == 1 ? 4 : 1;
  static constexpr int kWarpGroups = kGroups * kKeyWarps / 4;  // groups of columns of a warp
  static constexpr int kKeyTiles = 4 / kKeyWarps;              // tiles of 16 keys of a warp
  static constexpr int kDimTiles = kDim / 16 / kKeyWarps;      // tiles of 16 dimensions of a warp
  // Within the 99 KiB that a block may have on sm_86, sm_89 and sm_120.
  static constexpr int kStages = kDim == 256 ? 2 : kDim == 128 && kGroups == 8 ? 3 : 4;

  // What warps of the same columns give to each other.
  struct Exchange {
    alignas(128) uint16_t weights[kColumns * kChunk];
    float maximum[kKeyWarps][kColumns];
  };
  struct Nothing {};
  struct Shared {
    alignas(128) uint16_t ring[kStages][kChunk * kDim];
    alignas(128) uint32_t q[2][kColumns * kDim / 2];  // high and low halves, in pairs
    uint32_t ones[4];       // an operand that sums, from here lest the compiler make it ever again
    float scale[kColumns];  // powers of two, so a score is scaled without rounding
    int64_t heads[kColumns];  // row * heads + head of a column, -1 if it is none
    [[no_unique_address]] std::conditional_t<kKeyWarps == 1, Nothing, Exchange> exchange;
  };
  static_assert(sizeof(Shared) <= 99 * 1024);
  // Blocks for which a multiprocessor of sm_90 has shared memory (228 KiB, 1 of them the system's
  // per block) and, without spills, registers.
  static constexpr int kFit = 228 * 1024 / (static_cast<int>(sizeof(Shared)) + 1024);
  static constexpr int kWanted = kGroups == 8 && kDim == 64 ? 3 : kGroups >= 8 ? 2 : 4;
  static constexpr int kResident = kFit < kWanted ? kFit : kWanted;

  // Of a lane's columns and dimensions, as the accumulators of mma.sync have them.
  struct State {
    float maximum[kWarpGroups][2];  // at least -FLT_MAX, so weights are 0 where all scores are -inf
    float sum[kWarpGroups][4];      // of columns 0 and 1; elements 2 and 3 are 0
    float output[kDimTiles][kWarpGroups][4];
  };
  // Operands of mma.sync: a half of the queries by four units, two operands; weights by tiles of 16
  // keys. Halves that the registers have no room for are loaded when they are used.
  using Queries = uint32_t[kUnits / 4][kWarpGroups][4];
  static constexpr bool kHoldsHigh = kGroups < 16;
  static constexpr bool kHoldsLow = kGroups < 8 || kDim > 64;
  template <int kTiles>
  using Weights = uint32_t[kTiles][kWarpGroups][2];

  static __device__ __forceinline__ int Lane() { return static_cast<int>(threadIdx.x % 32); }
  static __device__ __forceinline__ int KeyWarp() {
    return static_cast<int>(threadIdx.x / 32 % kKeyWarps);
  }
  static __device__ __forceinline__ int FirstColumn() {
    return static_cast<int>(threadIdx.x / 32 / kKeyWarps) * kWarpGroups * 8;
  }
  // The column of element i of an accumulator of the warp's n-th group.
  static __device__ __forceinline__ int Column(int n, int i) {
    return FirstColumn() + n * 8 + Lane() % 4 * 2 + i % 2;
  }
  // The dimension of element i of the accumulator of the warp's m-th tile.
  static __device__ __forceinline__ int Dim(int m, int i) {
    return (KeyWarp() * kDimTiles + m) * 16 + Lane() / 4 + i / 2 * 8;
  }

  static __device__ __forceinline__ void Clear(State& state) {
    JG_UNROLL
    for (int n = 0; n < kWarpGroups; n++) {
      for (int i = 0; i < 2; i++) state.maximum[n][i] = -FLT_MAX;
      for (int i = 0; i < 4; i++) state.sum[n][i] = 0;
      JG_UNROLL
      for (int m = 0; m < kDimTiles; m++) {
        for (int i = 0; i < 4; i++) state.output[m][n][i] = 0;
      }
    }
  }
};

// Writes the queries of the columns (and the ones) to shared memory; those beyond the last are
// zero. A barrier must follow.
template <typename Tile>
__device__ __forceinline__ void WriteQueries(typename Tile::Shared& shared,
                                             const AttentionPlan& plan, const Columns& columns) {
  constexpr int kLanes = Tile::kColumns == 8 ? 16 : 8;  // of one column
  constexpr int kPairs = Tile::kDims / 2 / kLanes;
  const int head_dim = static_cast<int>(plan.layout.head_dim);
  const int lane = static_cast<int>(threadIdx.x % kLanes);
  const float scale = plan.scale * kLog2E;
  // 1 in the rows of the accumulator's elements 0 and 1.
  if (threadIdx.x < 4) shared.ones[threadIdx.x] = threadIdx.x % 2 == 0 ? 0x3c003c00u : 0u;
  JG_NO_UNROLL
  for (int column = static_cast<int>(threadIdx.x / kLanes); column < Tile::kColumns;
       column += kAttentionThreads / kLanes) {
    const bool used = column < columns.count;
    const int64_t row = used ? columns.row + column / columns.heads : 0;
    const int64_t head = used ? columns.head + column % columns.heads : 0;
    const float* q = plan.q + row * plan.ldq + head * head_dim;
    float x[kPairs][2];
    float most = 0;
    JG_UNROLL
    for (int j = 0; j < kPairs; j++) {
      const int d = 2 * (lane + j * kLanes);
      for (int i = 0; i < 2; i++) {
        x[j][i] = used && d < head_dim ? q[d + i] * scale : 0;
        most = fmaxf(most, fabsf(x[j][i]));
      }
    }
    for (int lanes = kLanes / 2; lanes > 0; lanes /= 2) {
      most = fmaxf(most, __shfl_xor_sync(kAllLanes, most, lanes));
    }
    // The largest becomes 2^14 up to 2^15; the factor and its inverse are normal.
    const uint32_t exponent = min(max(__float_as_uint(most) >> 23, 15u), 254u);
    const float factor = __uint_as_float((268u - exponent) << 23);
    if (lane == 0) {
      shared.scale[column] = __uint_as_float((exponent - 14u) << 23);
      shared.heads[column] = used ? row * plan.heads + head : -1;
    }
    JG_UNROLL
    for (int j = 0; j < kPairs; j++) {
      const int d = 2 * (lane + j * kLanes);
      const int at = Unit<Tile::kUnits>(column, d / 8) + d % 8;
      uint16_t high[2];
      float low[2];
      for (int i = 0; i < 2; i++) {
        high[i] = FloatToHalf(x[j][i] * factor);
        low[i] = x[j][i] * factor - HalfToFloat(high[i]);
      }
      shared.q[0][at / 2] = high[0] | static_cast<uint32_t>(high[1]) << 16;
      shared.q[1][at / 2] = PackHalf2(low[0], low[1]);
    }
  }
}

// Four units of one half of the queries of the warp's n-th group.
template <typename Tile>
__device__ __forceinline__ void LoadQuad(const typename Tile::Shared& shared, int half, int quad,
                                         int n, uint32_t (&words)[4]) {
  const int lane = Tile::Lane();
  const int at = Unit<Tile::kUnits>(Tile::FirstColumn() + lane % 8, lane / 8);
  Ldmatrix4(words, shared.q[half] + (Further(at, 4 * quad) + n * 8 * Tile::kDims) / 2);
}

template <typename Tile>
__device__ __forceinline__ void LoadQueries(const typename Tile::Shared& shared, int half,
                                            typename Tile::Queries& queries) {
  JG_UNROLL
  for (int quad = 0; quad < Tile::kUnits / 4; quad++) {
    JG_UNROLL
    for (int n = 0; n < Tile::kWarpGroups; n++) {
      LoadQuad<Tile>(shared, half, quad, n, queries[quad][n]);
    }
  }
}

// K . q of a warp's keys and columns.
template <typename Tile>
__device__ __forceinline__ void Scores(const typename Tile::Shared& shared,
                                       const typename Tile::Queries& high,
                                       const typename Tile::Queries& low, const uint16_t* keys,
                                       float (&score)[Tile::kKeyTiles][Tile::kWarpGroups][4]) {
  const int lane = Tile::Lane();
  const int key_at =
      Unit<Tile::kUnits>(Tile::KeyWarp() * Tile::kKeyTiles * 16 + lane % 16, lane / 16);
  JG_UNROLL
  for (int quad = 0; quad < Tile::kUnits / 4; quad++) {
    uint32_t loaded[2][Tile::kWarpGroups][4];
    JG_UNROLL
    for (int n = 0; n < Tile::kWarpGroups; n++) {
      if (!Tile::kHoldsHigh) LoadQuad<Tile>(shared, 0, quad, n, loaded[0][n]);
      if (!Tile::kHoldsLow) LoadQuad<Tile>(shared, 1, quad, n, loaded[1][n]);
    }
    JG_UNROLL
    for (int pair = 0; pair < 2; pair++) {
      JG_UNROLL
      for (int m = 0; m < Tile::kKeyTiles; m++) {
        uint32_t a[4];
        Ldmatrix4(a, keys + Further(key_at, 4 * quad + 2 * pair) + m * 16 * Tile::kDims);
        JG_UNROLL
        for (int n = 0; n < Tile::kWarpGroups; n++) {
          uint32_t first[2];
          uint32_t second[2];
          JG_UNROLL
          for (int i = 0; i < 2; i++) {
            first[i] = (Tile::kHoldsHigh ? high[quad][n] : loaded[0][n])[2 * pair + i];
            second[i] = (Tile::kHoldsLow ? low[quad][n] : loaded[1][n])[2 * pair + i];
          }
          MmaF16(score[m][n], a, first);
          MmaF16(score[m][n], a, second);
        }
      }
    }
  }
}

// The largest score of each column, over the keys of all warps. With several of them, a barrier.
template <typename Tile>
__device__ __forceinline__ void LargestScores(
    typename Tile::Shared& shared, const float (&score)[Tile::kKeyTiles][Tile::kWarpGroups][4],
    float (&most)[Tile::kWarpGroups][2]) {
  JG_UNROLL
  for (int n = 0; n < Tile::kWarpGroups; n++) {
    JG_UNROLL
    for (int c = 0; c < 2; c++) {
      most[n][c] = fmaxf(score[0][n][c], score[0][n][c + 2]);
      JG_UNROLL
      for (int m = 1; m < Tile::kKeyTiles; m++) {
        most[n][c] = fmaxf(most[n][c], fmaxf(score[m][n][c], score[m][n][c + 2]));
      }
      for (int lanes = 4; lanes < 32; lanes *= 2) {
        most[n][c] = fmaxf(most[n][c], __shfl_xor_sync(kAllLanes, most[n][c], lanes));
      }
    }
  }
  if constexpr (Tile::kKeyWarps > 1) {
    auto& maximum = shared.exchange.maximum;
    JG_UNROLL
    for (int c = 0; c < 2; c++) {
      if (Tile::Lane() < 4) maximum[Tile::KeyWarp()][Tile::Column(0, c)] = most[0][c];
    }
    __syncthreads();
    JG_UNROLL
    for (int c = 0; c < 2; c++) {
      JG_UNROLL
      for (int w = 0; w < Tile::kKeyWarps; w++) {
        most[0][c] = fmaxf(most[0][c], maximum[w][Tile::Column(0, c)]);
      }
    }
  }
}

// From a tile of keys, of which the first `count` are the row's: the weights of the warp's keys,
// and the state scaled to the new maxima.
template <typename Tile>
__device__ __forceinline__ void TakeKeys(
    typename Tile::Shared& shared, const typename Tile::Queries& high,
    const typename Tile::Queries& low, const uint16_t* keys, int count, typename Tile::State& state,
    typename Tile::template Weights<Tile::kKeyTiles>& weights) {
  float score[Tile::kKeyTiles][Tile::kWarpGroups][4] = {};
  Scores<Tile>(shared, high, low, keys, score);
  if (count < kChunk) {
    const int first_key = Tile::KeyWarp() * Tile::kKeyTiles * 16 + Tile::Lane() / 4;
    JG_UNROLL
    for (int m = 0; m < Tile::kKeyTiles; m++) {
      JG_UNROLL
      for (int n = 0; n < Tile::kWarpGroups; n++) {
        for (int i = 0; i < 4; i++) {
          if (first_key + m * 16 + i / 2 * 8 >= count) score[m][n][i] = -INFINITY;
        }
      }
    }
  }
  float most[Tile::kWarpGroups][2];
  LargestScores<Tile>(shared, score, most);
  JG_UNROLL
  for (int n = 0; n < Tile::kWarpGroups; n++) {
    float scale[2];
    float shift[2];
    JG_UNROLL
    for (int c = 0; c < 2; c++) {
      scale[c] = shared.scale[Tile::Column(n, c)];
      const float maximum = fmaxf(state.maximum[n][c], most[n][c] * scale[c]);
      const float keep = Exp2(state.maximum[n][c] - maximum);
      shift[c] = kWeightExponent - maximum;
      state.maximum[n][c] = maximum;
      state.sum[n][c] *= keep;
      JG_UNROLL
      for (int i = c; i < 4; i += 2) {
        JG_UNROLL
        for (int m = 0; m < Tile::kDimTiles; m++) state.output[m][n][i] *= keep;
      }
    }
    JG_UNROLL
    for (int m = 0; m < Tile::kKeyTiles; m++) {
      JG_UNROLL
      for (int half = 0; half < 2; half++) {
        float weight[2];
        JG_UNROLL
        for (int c = 0; c < 2; c++) {
          weight[c] = Exp2(fmaf(score[m][n][2 * half + c], scale[c], shift[c]));
        }
        weights[m][n][half] = MovmatrixTransposed(PackHalf2Saturated(weight[0], weight[1]));
      }
    }
  }
}

// Hands the warp's weights to the warps of the same columns. A barrier must follow.
template <typename Tile>
__device__ __forceinline__ void ShareWeights(
    typename Tile::Shared& shared,
    const typename Tile::template Weights<Tile::kKeyTiles>& weights) {
  const int lane = Tile::Lane();
  JG_UNROLL
  for (int m = 0; m < Tile::kKeyTiles; m++) {
    JG_UNROLL
    for (int half = 0; half < 2; half++) {
      const int unit = (Tile::KeyWarp() * Tile::kKeyTiles + m) * 2 + half;
      const int at = Unit<kChunk / 8>(lane / 4, unit) + lane % 4 * 2;
      *reinterpret_cast<uint32_t*>(shared.exchange.weights + at) = weights[m][0][half];
    }
  }
}

template <typename Tile>
__device__ __forceinline__ void LoadWeights(const typename Tile::Shared& shared,
                                            typename Tile::template Weights<kChunk / 16>& weights) {
  const int lane = Tile::Lane();
  const int at = Unit<kChunk / 8>(lane % 8, lane / 8);
  JG_UNROLL
  for (int tile = 0; tile < kChunk / 16; tile += 2) {
    uint32_t b[4];
    Ldmatrix4(b, shared.exchange.weights + Further(at, 2 * tile));
    JG_UNROLL
    for (int i = 0; i < 4; i++) weights[tile + i / 2][0][i % 2] = b[i];
  }
}

// From a tile of values: sums and outputs.
template <typename Tile>
__device__ __forceinline__ void TakeValues(
    const typename Tile::Shared& shared,
    const typename Tile::template Weights<kChunk / 16>& weights, const uint16_t* values,
    typename Tile::State& state) {
  const uint4 words = *reinterpret_cast<const uint4*>(shared.ones);
  const uint32_t ones[4] = {words.x, words.y, words.z, words.w};
  const int lane = Tile::Lane();
  const int value_at = Unit<Tile::kUnits>(lane / 16 * 8 + lane % 8,
                                          Tile::KeyWarp() * Tile::kDimTiles * 2 + lane / 8 % 2);
  JG_UNROLL
  for (int tile = 0; tile < kChunk / 16; tile++) {
    JG_UNROLL
    for (int n = 0; n < Tile::kWarpGroups; n++) MmaF16(state.sum[n], ones, weights[tile][n]);
    JG_UNROLL
    for (int m = 0; m < Tile::kDimTiles; m++) {
      uint32_t a[4];
      Ldmatrix4Transposed(a, values + Further(value_at, m * 2) + tile * 16 * Tile::kDims);
      JG_UNROLL
      for (int n = 0; n < Tile::kWarpGroups; n++) MmaF16(state.output[m][n], a, weights[tile][n]);
    }
  }
}

}  // namespace jangle
