// How tiles of keys and values come to the arithmetic of attention_tile.cuh: through a ring in
// shared memory, filled by cp.async while others are in use.
#pragma once

#include "attention_tile.cuh"
#include "ptx/cp_async.cuh"

namespace jangle {

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

// The tiles of some chunks on their way through the ring: K and V of each chunk in turn.
// A Source has
//   template <bool kValues> void Copy(uint16_t* tile): starts this thread's copies of the keys of
//   the
//     next chunk, or of the values of the chunk whose keys were last
//   int Count(int32_t chunk) const: how many keys of the chunk the columns see
//   void Finish(int32_t chunk, State& state): called after each chunk
template <typename Tile, typename Source>
class TileRing {
 public:
  // Starts the first copies.
  __device__ __forceinline__ TileRing(typename Tile::Shared& memory, Source& from, int32_t chunks)
      : shared_(memory), source_(from), left_(2 * chunks) {
    Start<false>(0);
    if constexpr (Tile::kStages > 2) Start<true>(1);
    if constexpr (Tile::kStages > 3) Start<false>(2);
    static_assert(Tile::kStages <= 4);
  }

  // Takes the columns, whose queries may have been written just now, through the chunks from
  // `begin`.
  __device__ __forceinline__ void Attend(int32_t begin, typename Tile::State& state) {
    __syncthreads();
    typename Tile::Queries high;
    typename Tile::Queries low;
    if (Tile::kHoldsHigh) LoadQueries<Tile>(shared_, 0, high);
    if (Tile::kHoldsLow) LoadQueries<Tile>(shared_, 1, low);
    JG_NO_UNROLL
    for (int32_t chunk = begin; left_ > 1 - Tile::kStages; chunk++) {
      typename Tile::template Weights<kChunk / 16> weights;
      const uint16_t* keys = Await<false>();
      if constexpr (Tile::kKeyWarps == 1) {
        TakeKeys<Tile>(shared_, high, low, keys, source_.Count(chunk), state, weights);
        TakeValues<Tile>(shared_, weights, Await<true>(), state);
      } else {
        typename Tile::template Weights<Tile::kKeyTiles> own;
        TakeKeys<Tile>(shared_, high, low, keys, source_.Count(chunk), state, own);
        ShareWeights<Tile>(shared_, own);
        const uint16_t* values = Await<true>();
        LoadWeights<Tile>(shared_, weights);
        TakeValues<Tile>(shared_, weights, values, state);
      }
      source_.Finish(chunk, state);
    }
  }

 private:
  template <bool kValues>
  __device__ __forceinline__ void Start(int place) {
    if (left_ > 0) source_.template Copy<kValues>(shared_.ring[place]);
    CpAsyncCommit();
    left_--;
  }
  // Waits for the next tile. All threads have then left the one before it, whose place is filled
  // with the tile kStages - 1 further on.
  template <bool kValues>
  __device__ __forceinline__ const uint16_t* Await() {
    CpAsyncWait<Tile::kStages - 2>();
    __syncthreads();
    Start<kValues == (Tile::kStages % 2 != 0)>(free_);
    free_ = read_;
    read_ = read_ == Tile::kStages - 1 ? 0 : read_ + 1;
    return shared_.ring[free_];
  }

  typename Tile::Shared& shared_;
  Source& source_;
  int32_t left_;  // tiles to start; below 0, how many starts found none
  int read_ = 0;  // places in the ring
  int free_ = Tile::kStages - 1;
};

}  // namespace jangle
