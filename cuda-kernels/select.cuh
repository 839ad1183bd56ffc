// Selection of the first tokens of a row in order of rank (order.cuh), by one block: the fewest
// that are `target` many, or weigh `target`. Shared by topk.cu and sample.cu.
//
// Radix selection over the bits of the rank, 8 or 11 at a time from the first in which the ranks
// between the bounds differ: a histogram of the tokens that agree with the threshold's settled
// bits, summed from its upper end until the target is reached. The weights are integers, so the
// sums are exact and their order does not matter. The time is linear in the number of tokens,
// whatever they are. A row is read from global memory for every digit; where few tokens come into
// question they are gathered in shared memory first.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

#include "order.cuh"
#include "reduce.cuh"
#include "row.cuh"
#include "unroll.cuh"

namespace jangle {

inline constexpr int kListCapacity = 2048;

// Calls run with the number of threads of the block for rows of n tokens, as a constant: fewer
// where the list holds a whole row, since most of what they do then is to wait for each other.
template <typename Run>
int32_t WithSelectThreads(int64_t n, const Run& run) {
  if (n <= kListCapacity) return run(std::integral_constant<int, 128>());
  return run(std::integral_constant<int, 1024>());
}

template <int kThreads>
struct SelectShared {
  static constexpr int kBuckets = 2 * kThreads;  // each thread has two neighbours
  static constexpr int kDigitBits = kThreads == 1024 ? 11 : 8;
  static_assert(kBuckets == 1 << kDigitBits);

  uint64_t list[kListCapacity];  // gathered ranks, in no order
  uint32_t low[kBuckets];        // the two words of each bucket's sum
  uint32_t high[kBuckets];
  uint64_t warps[kThreads / 32];
  uint64_t above, sum;  // of the bucket that holds the threshold: what lies above it, its own
  uint32_t bucket;
  uint32_t count;  // of the ranks gathered, also of those that found no room
};

// Tokens to select from: gathered ranks, or a whole row of logits.
struct Tokens {
  const uint64_t* list;  // null for the row
  const float* row;
  int64_t count;

  __device__ __forceinline__ uint64_t Rank(int64_t i) const {
    return list != nullptr ? list[i] : ToRank(row[i], i);
  }
};

// The weight by which to select a number of tokens.
struct CountOne {
  __device__ __forceinline__ uint64_t operator()(uint64_t) const { return 1; }
};

template <int kThreads>
__device__ __forceinline__ void AddToBucket(SelectShared<kThreads>& shared, uint32_t bucket,
                                            uint64_t weight) {
  const auto low = static_cast<uint32_t>(weight);
  auto high = static_cast<uint32_t>(weight >> 32);
  // Every wrap of the low word carries once, whichever thread causes it.
  if (atomicAdd(&shared.low[bucket], low) + low < low) high++;
  if (high != 0) atomicAdd(&shared.high[bucket], high);
}

template <int kThreads>
__device__ __forceinline__ uint64_t BucketSum(const SelectShared<kThreads>& shared,
                                              uint32_t bucket) {
  return (static_cast<uint64_t>(shared.high[bucket]) << 32) | shared.low[bucket];
}

// Settles the digit: with the histogram summed from its upper end, after `above`, the bucket in
// which the sum reaches the target.
template <int kThreads>
__device__ __forceinline__ void ChooseBucket(SelectShared<kThreads>& shared, uint64_t above,
                                             uint64_t target) {
  const uint32_t upper = SelectShared<kThreads>::kBuckets - 1 - 2 * threadIdx.x;
  const uint64_t upper_sum = BucketSum(shared, upper);
  const uint64_t lower_sum = BucketSum(shared, upper - 1);
  const uint64_t before = above + BlockSumBefore<kThreads>(upper_sum + lower_sum, shared.warps);
  if (before < target && target <= before + upper_sum + lower_sum) {
    const bool in_upper = target <= before + upper_sum;
    shared.bucket = in_upper ? upper : upper - 1;
    shared.above = in_upper ? before : before + upper_sum;
    shared.sum = in_upper ? upper_sum : lower_sum;
  }
}

// The rank of the last token selected among those with rank >= least, or a lower one with no token
// between, but not below `least`. No rank is above `most`. 1 <= target <= the sum of the weights of
// the tokens. All threads call and all get the result.
template <int kThreads, typename Weight>
__device__ __forceinline__ uint64_t SelectThreshold(const Tokens& tokens, const Weight& weight,
                                                    uint64_t least, uint64_t most, uint64_t target,
                                                    SelectShared<kThreads>& shared) {
  constexpr int kDigitBits = SelectShared<kThreads>::kDigitBits;
  constexpr uint32_t kBuckets = SelectShared<kThreads>::kBuckets;
  if (least >= most) return least;
  const int open_bits = 64 - __clzll(static_cast<long long>(least ^ most));
  int shift = open_bits > kDigitBits ? open_bits - kDigitBits : 0;
  uint64_t settled = open_bits < 64 ? ~uint64_t{0} << open_bits : 0;  // mask of settled bits
  uint64_t threshold = most & settled;
  uint64_t above = 0;
  for (;;) {
    for (uint32_t b = threadIdx.x; b < kBuckets; b += kThreads) {
      shared.low[b] = 0;
      shared.high[b] = 0;
    }
    __syncthreads();
    for (int64_t i = threadIdx.x; i < tokens.count; i += kThreads) {
      const uint64_t rank = tokens.Rank(i);
      if (rank < least || (rank & settled) != threshold) continue;
      AddToBucket(shared, static_cast<uint32_t>(rank >> shift) % kBuckets, weight(rank));
    }
    __syncthreads();
    ChooseBucket(shared, above, target);
    __syncthreads();
    threshold |= static_cast<uint64_t>(shared.bucket) << shift;
    settled |= static_cast<uint64_t>(kBuckets - 1) << shift;
    above = shared.above;
    // Done, too, where the whole bucket is wanted.
    if (shift == 0 || above + shared.sum == target) break;
    shift = shift > kDigitBits ? shift - kDigitBits : 0;
  }
  return threshold > least ? threshold : least;
}

// Gathers the row's tokens with rank >= least in shared.list. Returns their number; where that is
// more than kListCapacity the list is not whole.
template <int kThreads>
__device__ __forceinline__ int64_t Gather(const float* row, int64_t n, uint64_t least,
                                          SelectShared<kThreads>& shared) {
  constexpr int kLoads = 4;  // in flight per thread
  constexpr int64_t kStep = 4 * kThreads;
  const bool aligned = Aligned16(row);
  const float bound = RankLogit(least);  // NaN for least = 0: below it lies nothing
  const uint32_t lane = threadIdx.x % 32;
  if (threadIdx.x == 0) shared.count = 0;
  __syncthreads();
  // All threads of a warp take part in each vote, those behind the end as well.
  for (int64_t sweep = 0; sweep < n; sweep += kLoads * kStep) {
    const int64_t first = sweep + 4 * static_cast<int64_t>(threadIdx.x);
    float4 v[kLoads];
    if (aligned && sweep + kLoads * kStep <= n) {
      JG_UNROLL
      for (int j = 0; j < kLoads; j++) {
        v[j] = *reinterpret_cast<const float4*>(row + first + j * kStep);
      }
    } else {
      JG_UNROLL
      for (int j = 0; j < kLoads; j++) {
        const int64_t i = first + j * kStep;
        v[j] = i < n ? Load4(row, i, n, aligned, 0) : make_float4(0, 0, 0, 0);
      }
    }
    JG_UNROLL
    for (int j = 0; j < kLoads; j++) {
      const float logits[4] = {v[j].x, v[j].y, v[j].z, v[j].w};
      const bool none =
          logits[0] < bound && logits[1] < bound && logits[2] < bound && logits[3] < bound;
      if (__ballot_sync(kAllLanes, !none) == 0) continue;
      JG_UNROLL
      for (int e = 0; e < 4; e++) {
        const int64_t id = first + j * kStep + e;
        const uint64_t rank = ToRank(logits[e], id);
        const bool taken = id < n && rank >= least;
        const uint32_t votes = __ballot_sync(kAllLanes, taken);
        uint32_t base = 0;
        if (lane == 0 && votes != 0) {
          base = atomicAdd(&shared.count, static_cast<uint32_t>(__popc(votes)));
        }
        base = __shfl_sync(kAllLanes, base, 0);
        const uint32_t at = base + static_cast<uint32_t>(__popc(votes & ((1u << lane) - 1)));
        if (taken && at < kListCapacity) shared.list[at] = rank;
      }
    }
  }
  __syncthreads();
  return shared.count;
}

}  // namespace jangle
