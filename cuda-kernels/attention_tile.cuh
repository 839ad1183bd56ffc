// The arithmetic of attention over an F16 cache on tensor cores: 128 threads take up to 64 columns,
// each a (row, query head) pair, through chunks of 64 keys. Both kernels go through here, so a
// chunk does the same to a column whichever kernel reads it and wherever its keys lie.
//
// Of a chunk, with keys and values as the A operand of mma.sync and columns as B (ptx/mma.cuh):
//   score   K . q of f16 products with f32 sums over ascending dimensions, 16 at a time, first with
//           the high and then with the low half of q; times scale * log2(e); -inf for keys that the
//           row lacks
//   M'      max(M, largest score)
//   weight  2^(score - M' + 15) in f16. The 15, which cancels, keeps small weights normal
//   sum     L 2^(M - M') + the weights; an mma with ones, 16 keys at a time, ascending
//   output  O 2^(M - M') + V . weight, likewise
// q is split in two halves of f16 so that scores have the precision of f32, and scaled by a power
// of two per column so that neither half overflows.
//
// Shared memory holds a ring of tiles of 64 keys or values, [64][kDim], filled by cp.async while
// others are in use. A row's 16-byte units are exchanged by its number (Unit), so that eight rows'
// same unit lie in different banks. Dimensions beyond head_dim and keys that the row lacks are
// zeros and never read, so whatever is left in the cache there has no effect.
#pragma once

#include "attention_plan.cuh"
#include "ptx/convert.cuh"
#include "ptx/cp_async.cuh"
#include "ptx/ldmatrix.cuh"
#include "ptx/mma.cuh"
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

// kDim dimensions (head_dim rounded up) and kGroups groups of 8 columns. The warps stand side by
// side along the keys (along the dimensions of the output) and along the columns.
template <int kDim, int kGroups>
struct AttentionTile {
  static constexpr int kDims = kDim;
  static constexpr int kUnits = kDim / 8;
  static constexpr int kColumns = 8 * kGroups;
  static constexpr int kKeyWarps = kGroups < 4 ? 4 : 2;
  static constexpr int kWarpGroups = kGroups * kKeyWarps / 4;  // groups of columns of a warp
  static constexpr int kKeyTiles = 4 / kKeyWarps;              // tiles of 16 keys of a warp
  static constexpr int kDimTiles = kDim / 16 / kKeyWarps;      // tiles of 16 dimensions of a warp
  // Warps of the same columns take turns with their sums, or each has them all.
  static constexpr int kSumWarps = kWarpGroups < kKeyWarps ? 1 : kKeyWarps;
  // Within the 99 KiB that a block may have on sm_86, sm_89 and sm_120.
  static constexpr int kStages = kDim == 256 ? 2 : kDim == 128 && kGroups == 8 ? 3 : 4;

  struct Shared {
    alignas(128) uint16_t ring[kStages][kChunk * kDim];
    alignas(128) uint32_t q[2][kColumns * kDim / 2];  // high and low halves, in pairs
    alignas(128) uint16_t weights[kColumns * kChunk];
    float maximum[kKeyWarps][kColumns];
    float scale[kColumns];
    int64_t heads[kColumns];  // row * heads + head of a column, -1 if it is none
  };
  static_assert(sizeof(Shared) <= 99 * 1024);
  // Blocks for which a multiprocessor of sm_90 has shared memory (228 KiB, 1 of them the system's
  // per block) and, without spills, registers.
  static constexpr int kFit = 228 * 1024 / (static_cast<int>(sizeof(Shared)) + 1024);
  static constexpr int kWanted = kGroups == 8 ? 2 : kGroups == 4 ? 3 : 4;
  static constexpr int kResident = kFit < kWanted ? kFit : kWanted;

  // Of a lane's columns and dimensions, as the accumulators of mma.sync have them.
  struct State {
    float maximum[kWarpGroups][2];
    float sum[kWarpGroups / kSumWarps][4];  // elements 0 and 2 are the same, and 1 and 3
    float output[kDimTiles][kWarpGroups][4];
  };

  static __device__ __forceinline__ int Lane() { return static_cast<int>(threadIdx.x % 32); }
  static __device__ __forceinline__ int KeyWarp() {
    return static_cast<int>(threadIdx.x / 32 % kKeyWarps);
  }
  static __device__ __forceinline__ int FirstColumn() {
    return static_cast<int>(threadIdx.x / 32 / kKeyWarps) * kWarpGroups * 8;
  }
  // Whether this warp has the sums of its n-th group, as sum[n / kSumWarps].
  static __device__ __forceinline__ bool HasSum(int n) {
    return kSumWarps == 1 || n % kSumWarps == KeyWarp();
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
      for (int i = 0; i < 2; i++) state.maximum[n][i] = -INFINITY;
      for (int i = 0; i < 4; i++) state.sum[n / kSumWarps][i] = 0;
      JG_UNROLL
      for (int m = 0; m < kDimTiles; m++) {
        for (int i = 0; i < 4; i++) state.output[m][n][i] = 0;
      }
    }
  }
};

// Writes the queries of the columns to shared memory; those beyond the last are zero. A barrier
// must follow.
template <typename Tile>
__device__ __forceinline__ void LoadQueries(typename Tile::Shared& shared,
                                            const AttentionPlan& plan, const Columns& columns) {
  constexpr int kLanes = Tile::kColumns == 8 ? 16 : 8;  // of one column
  constexpr int kPairs = Tile::kDims / 2 / kLanes;
  const int head_dim = static_cast<int>(plan.layout.head_dim);
  const int lane = static_cast<int>(threadIdx.x % kLanes);
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
        x[j][i] = used && d < head_dim ? q[d + i] : 0;
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
      shared.scale[column] = plan.scale * kLog2E * __uint_as_float((exponent - 14u) << 23);
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

// K . q of a warp's keys and columns.
template <typename Tile>
__device__ __forceinline__ void Scores(const typename Tile::Shared& shared, const uint16_t* keys,
                                       float (&score)[Tile::kKeyTiles][Tile::kWarpGroups][4]) {
  const int lane = Tile::Lane();
  const int key_at =
      Unit<Tile::kUnits>(Tile::KeyWarp() * Tile::kKeyTiles * 16 + lane % 16, lane / 16);
  // Two units of both halves at a time.
  const uint32_t* q = shared.q[lane / 16];
  const int q_at = Unit<Tile::kUnits>(Tile::FirstColumn() + lane % 8, lane / 8 % 2);
  JG_UNROLL
  for (int unit = 0; unit < Tile::kUnits; unit += 2) {
    uint32_t a[Tile::kKeyTiles][4];
    JG_UNROLL
    for (int m = 0; m < Tile::kKeyTiles; m++) {
      Ldmatrix4(a[m], keys + Further(key_at, unit) + m * 16 * Tile::kDims);
    }
    JG_UNROLL
    for (int n = 0; n < Tile::kWarpGroups; n++) {
      uint32_t b[4];
      Ldmatrix4(b, q + (Further(q_at, unit) + n * 8 * Tile::kDims) / 2);
      JG_UNROLL
      for (int part = 0; part < 2; part++) {
        const uint32_t operand[2] = {b[2 * part], b[2 * part + 1]};
        JG_UNROLL
        for (int m = 0; m < Tile::kKeyTiles; m++) MmaF16(score[m][n], a[m], operand);
      }
    }
  }
}

// From a tile of keys, of which the first `count` are the row's: new maxima, weights in shared
// memory, and the state scaled to the new maxima. A barrier must follow.
template <typename Tile>
__device__ __forceinline__ void TakeKeys(typename Tile::Shared& shared, const uint16_t* keys,
                                         int count, typename Tile::State& state) {
  float score[Tile::kKeyTiles][Tile::kWarpGroups][4] = {};
  Scores<Tile>(shared, keys, score);
  const int lane = Tile::Lane();
  const int first_key = Tile::KeyWarp() * Tile::kKeyTiles * 16 + lane / 4;
  JG_UNROLL
  for (int n = 0; n < Tile::kWarpGroups; n++) {
    JG_UNROLL
    for (int c = 0; c < 2; c++) {
      const int column = Tile::Column(n, c);
      const float scale = shared.scale[column];
      float most = -INFINITY;
      JG_UNROLL
      for (int m = 0; m < Tile::kKeyTiles; m++) {
        for (int i = c; i < 4; i += 2) {
          const bool seen = count == kChunk || first_key + m * 16 + i / 2 * 8 < count;
          score[m][n][i] = seen ? score[m][n][i] * scale : -INFINITY;
          most = fmaxf(most, score[m][n][i]);
        }
      }
      for (int lanes = 4; lanes < 32; lanes *= 2) {
        most = fmaxf(most, __shfl_xor_sync(kAllLanes, most, lanes));
      }
      if (lane < 4) shared.maximum[Tile::KeyWarp()][column] = most;
    }
  }
  __syncthreads();
  JG_UNROLL
  for (int n = 0; n < Tile::kWarpGroups; n++) {
    JG_UNROLL
    for (int c = 0; c < 2; c++) {
      const int column = Tile::Column(n, c);
      float most = state.maximum[n][c];
      JG_UNROLL
      for (int w = 0; w < Tile::kKeyWarps; w++) most = fmaxf(most, shared.maximum[w][column]);
      // Where every score is -inf, weights are 0 and not NaN.
      const float base = most == -INFINITY ? 0 : most;
      const float keep = exp2f(state.maximum[n][c] - base);
      const int at = Unit<kChunk / 8>(Tile::Column(0, c), first_key / 8) + first_key % 8;
      state.maximum[n][c] = most;
      JG_UNROLL
      for (int i = c; i < 4; i += 2) {
        if (Tile::HasSum(n)) state.sum[n / Tile::kSumWarps][i] *= keep;
        JG_UNROLL
        for (int m = 0; m < Tile::kDimTiles; m++) state.output[m][n][i] *= keep;
        JG_UNROLL
        for (int m = 0; m < Tile::kKeyTiles; m++) {
          shared.weights[Further(at, m * 2 + i / 2) + n * 8 * kChunk] =
              FloatToHalf(exp2f(score[m][n][i] - (base - kWeightExponent)));
        }
      }
    }
  }
}

// From a tile of values: sums and outputs.
template <typename Tile>
__device__ __forceinline__ void TakeValues(const typename Tile::Shared& shared,
                                           const uint16_t* values, typename Tile::State& state) {
  constexpr uint32_t kOnes = 0x3c003c00u;
  const uint32_t ones[4] = {kOnes, kOnes, kOnes, kOnes};
  const int lane = Tile::Lane();
  const int weight_at = Unit<kChunk / 8>(Tile::FirstColumn() + lane % 8, lane / 8);
  const int value_at = Unit<Tile::kUnits>(lane / 16 * 8 + lane % 8,
                                          Tile::KeyWarp() * Tile::kDimTiles * 2 + lane / 8 % 2);
  JG_UNROLL
  for (int keys = 0; keys < kChunk; keys += 32) {
    uint32_t b[Tile::kWarpGroups][4];
    JG_UNROLL
    for (int n = 0; n < Tile::kWarpGroups; n++) {
      Ldmatrix4(b[n], shared.weights + Further(weight_at, keys / 8) + n * 8 * kChunk);
    }
    JG_UNROLL
    for (int half = 0; half < 2; half++) {
      JG_UNROLL
      for (int n = 0; n < Tile::kWarpGroups; n++) {
        if (!Tile::HasSum(n)) continue;
        const uint32_t operand[2] = {b[n][2 * half], b[n][2 * half + 1]};
        MmaF16(state.sum[n / Tile::kSumWarps], ones, operand);
      }
      const int row = (keys + half * 16) * Tile::kDims;
      JG_UNROLL
      for (int m = 0; m < Tile::kDimTiles; m++) {
        uint32_t a[4];
        Ldmatrix4Transposed(a, values + Further(value_at, m * 2) + row);
        JG_UNROLL
        for (int n = 0; n < Tile::kWarpGroups; n++) {
          const uint32_t operand[2] = {b[n][2 * half], b[n][2 * half + 1]};
          MmaF16(state.output[m][n], a, operand);
        }
      }
    }
  }
}

// This thread's share in the copying of a tile: one 16-byte unit of every kKeys-th key.
template <typename Tile>
struct CopyShare {
  static constexpr int kKeys = kAttentionThreads / Tile::kUnits;
  static constexpr int kCopies = kChunk / kKeys;

  // Element of the key's row, and whether it is one of head_dim.
  static __device__ __forceinline__ int Element() {
    return static_cast<int>(threadIdx.x % Tile::kUnits) * 8;
  }
  static __device__ __forceinline__ int Key(int i) {
    return static_cast<int>(threadIdx.x / Tile::kUnits) + i * kKeys;
  }
  static __device__ __forceinline__ uint16_t* To(uint16_t* tile, int i) {
    constexpr int kPeriod = kKeys < 8 ? 8 / kKeys : 1;  // copies after which rows swap units alike
    return tile + Unit<Tile::kUnits>(Key(i % kPeriod), Element() / 8) +
           i / kPeriod * kPeriod * kKeys * Tile::kDims;
  }
};

// The tiles of chunks [begin, end) on their way through the ring: K and V of each chunk in turn.
// A Source has
//   void Copy(uint16_t* tile, int32_t chunk, bool values) const: starts this thread's copies
//   int Count(int32_t chunk) const: how many keys of the chunk the columns see
//   void Finish(int32_t chunk, State& state): called after each chunk
template <typename Tile, typename Source>
class TileRing {
 public:
  // Starts the first copies.
  __device__ __forceinline__ TileRing(typename Tile::Shared& memory, Source& from, int32_t begin,
                                      int32_t end)
      : shared_(memory), source_(from), next_(2 * begin), end_(2 * end) {
    for (int i = 0; i < Tile::kStages - 1; i++) Start(i);
  }

  // Takes the columns, whose queries may have been written just now, through the chunks.
  __device__ __forceinline__ void Attend(int32_t begin, typename Tile::State& state) {
    JG_NO_UNROLL
    for (int32_t chunk = begin; 2 * chunk < end_; chunk++) {
      TakeKeys<Tile>(shared_, Await(), source_.Count(chunk), state);
      TakeValues<Tile>(shared_, Await(), state);
      source_.Finish(chunk, state);
    }
  }

 private:
  __device__ __forceinline__ void Start(int place) {
    if (next_ < end_) source_.Copy(shared_.ring[place], next_ / 2, next_ % 2 != 0);
    CpAsyncCommit();
    next_++;
  }
  // Waits for the next tile. All threads have then left the one before it, whose place is filled.
  __device__ __forceinline__ const uint16_t* Await() {
    CpAsyncWait<Tile::kStages - 2>();
    __syncthreads();
    Start(read_ == 0 ? Tile::kStages - 1 : read_ - 1);
    const uint16_t* tile = shared_.ring[read_];
    read_ = read_ == Tile::kStages - 1 ? 0 : read_ + 1;
    return tile;
  }

  typename Tile::Shared& shared_;
  Source& source_;
  int32_t next_, end_;  // tiles
  int read_ = 0;
};

}  // namespace jangle
