// Draws a token of each row: filters, then Gumbel-max (gumbel.h). A row's draw depends on its
// logits, its position and the seed alone.
//
// On x = (logit - largest) / temperature, with weights w = exp(x), in this order:
//   top_k   the first k tokens ordered by logit, then by lower id (0, or k >= n: all)
//   top_p   of these, in the same order, the fewest whose weights sum to >= top_p of their total
//           (>= 1: all); at least one
//   min_p   of these all with w >= min_p (the largest has w = 1; 0: all)
// then ids[row] = argmax over the kept tokens of x + noise, ties to the lowest id. The noise is
// that of the row's position + 1, the position of the token drawn. -0 equals 0 in every comparison.
// A NaN anywhere gives -1. Where the largest logit is infinite there is no softmax: its lowest id.
//
// What top_k and top_p keep is a prefix of one order: the logits above a threshold, and the lowest
// ids of those equal to it. The threshold is found by radix selection over the bits of the logits,
// 11, 11 and 10 at a time from the top, with a sum in double per bucket taken by ascending id. So
// the time is linear in n for any row, and no scratch is needed. Most rows have few candidates: a
// vectorised pass first finds how far below the largest one must look.
#include "argmax.h"
#include "gumbel.h"
#include "simd.h"
#include "tier_ops.h"
#include "topk.h"

namespace jangle::JG_TIER_NS {
namespace {

constexpr float kInfinity = __builtin_inff();
constexpr int kBlock = 64;  // tokens that one Philox counter of 16 lanes serves

struct Row {
  const float* logits;
  int64_t n;
  float largest;  // finite
  float temperature;
};

// Logits above the threshold, and the first `ties` ids equal to it. Everything, to begin with: -inf
// has no weight.
struct Prefix {
  float threshold = -kInfinity;
  int64_t ties = 0;
};

// Logits from i on, -inf behind the row's end.
JG_INLINE F32 LoadLogits(const Row& row, int64_t i) {
  if (i + kLanes <= row.n) return Load(row.logits + i);
  float lanes[kLanes];
  for (int j = 0; j < kLanes; j++) lanes[j] = i + j < row.n ? row.logits[i + j] : -kInfinity;
  return Load(lanes);
}

JG_INLINE F32 Scaled(const Row& row, F32 logits) {
  return Div(Sub(logits, Set(row.largest)), Set(row.temperature));
}

double WeightOf(const Row& row, float logit) {
  float lanes[kLanes];
  Store(lanes, Exp(Scaled(row, Set(logit))));
  return lanes[0];
}

// Unsigned integers in the order of the floats, -0 as 0.
uint32_t ToKey(float x) {
  x += 0.0f;
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

float FromKey(uint32_t key) {
  const uint32_t bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}

// The fewest tokens of `set`, in order, that are `target` many (kCount) or weigh `target`; where
// the whole set falls short by rounding, the whole set. Only logits >= lowest need be looked at.
// (Ties of the set's threshold that are not in the set are counted, too: the prefix ends there at
// the latest.)
template <bool kCount>
Prefix SelectPrefix(const Row& row, Prefix set, float lowest, double target) {
  constexpr int kBuckets = 2048;
  double sums[kBuckets];
  double above = 0;      // the sum of what ranks above the settled bits
  uint32_t key = 0;      // of the threshold, as far as settled
  uint32_t settled = 0;  // mask of its settled bits
  constexpr int kShifts[3] = {21, 10, 0};
  for (const int shift : kShifts) {
    const uint32_t digits = shift == 0 ? 0x3ff : 0x7ff;
    for (double& sum : sums) sum = 0;
    // The keys of this digit; a bound beyond the infinities is no number and bounds nothing.
    const float first = FromKey(key);
    const float last = FromKey(key | ~settled);
    const F32 low = Set(first > lowest ? first : lowest);
    const F32 high = Set(last == last ? last : kInfinity);
    for (int64_t i = 0; i < row.n; i += kLanes) {
      const F32 v = LoadLogits(row, i);
      uint32_t candidates = Bits(GreaterEqual(v, low)) & Bits(GreaterEqual(high, v));
      if (candidates == 0) continue;
      float logits[kLanes];
      float weights[kLanes];
      Store(logits, v);
      if (!kCount) Store(weights, Exp(Scaled(row, v)));
      for (; candidates != 0; candidates &= candidates - 1) {
        const int j = __builtin_ctz(candidates);
        const uint32_t k = ToKey(logits[j]);
        if ((k & settled) == key) sums[(k >> shift) & digits] += kCount ? 1.0 : weights[j];
      }
    }
    uint32_t bucket = 0;
    double before = above;
    for (int64_t b = digits; b >= 0; b--) {
      if (sums[b] == 0) continue;
      bucket = static_cast<uint32_t>(b);
      before = above;
      above += sums[b];
      if (above >= target) break;
    }
    above = before;
    key |= bucket << shift;
    settled |= digits << shift;
  }
  const float threshold = FromKey(key);
  const double missing = (target - above) / (kCount ? 1.0 : WeightOf(row, threshold));
  int64_t ties = missing < static_cast<double>(row.n) ? static_cast<int64_t>(missing) : row.n;
  if (static_cast<double>(ties) < missing) ties++;
  if (ties < 1) ties = 1;
  if (threshold == set.threshold && ties > set.ties) ties = set.ties;
  return {threshold, ties};
}

// As SelectPrefix; `amount` is a number of tokens (kCount) or a share of the set's weight.
template <bool kCount>
Prefix FirstOf(const Row& row, Prefix set, double amount) {
  // What there is in all, and within e^-4, e^-8 and e^-12 of the largest.
  constexpr int kLevels = 3;
  double total = 0;
  double near[kLevels] = {};
  float level[kLevels];
  for (int j = 0; j < kLevels; j++) {
    level[j] = row.largest - 4.0f * static_cast<float>(j + 1) * row.temperature;
  }
  for (int64_t block = 0; block < row.n; block += kBlock) {
    F32 sum = Zero();
    F32 near_sum[kLevels] = {Zero(), Zero(), Zero()};
    bool any_near = false;
    const int64_t end = block + kBlock < row.n ? block + kBlock : row.n;
    for (int64_t i = block; i < end; i += kLanes) {
      const F32 v = LoadLogits(row, i);
      const Mask in_set = Greater(v, Set(set.threshold));
      if (!Any(in_set)) continue;
      const F32 w = Select(in_set, kCount ? Set(1.0f) : Exp(Scaled(row, v)), Zero());
      sum = Add(sum, w);
      if (!Any(GreaterEqual(v, Set(level[kLevels - 1])))) continue;
      any_near = true;
      for (int j = 0; j < kLevels; j++) {
        near_sum[j] = Add(near_sum[j], Select(GreaterEqual(v, Set(level[j])), w, Zero()));
      }
    }
    total += SumAcross(sum);
    if (any_near) {
      for (int j = 0; j < kLevels; j++) near[j] += SumAcross(near_sum[j]);
    }
  }
  if (set.ties > 0) {
    total += static_cast<double>(set.ties) * (kCount ? 1.0 : WeightOf(row, set.threshold));
  }
  const double target = kCount ? amount : amount * total;
  float lowest = set.threshold;
  for (int j = kLevels - 1; j >= 0; j--) {
    // The margin covers the rounding of the sums.
    if (near[j] > target * 1.0001 && level[j] > lowest) lowest = level[j];
  }
  return SelectPrefix<kCount>(row, set, lowest, target);
}

Prefix TopK(const Row& row, int64_t k) {
  if (k > kMostTopk) return FirstOf<true>(row, Prefix{}, static_cast<double>(k));
  int32_t ids[kMostTopk];
  float values[kMostTopk] = {};
  TopkList best = {.k = k, .count = 0, .ids = ids, .values = values};
  TopkRow(row.logits, row.n, &best);
  Prefix prefix = {.threshold = values[k - 1], .ties = 0};
  for (int64_t i = 0; i < k; i++) prefix.ties += values[i] == prefix.threshold;
  return prefix;
}

// x of the tokens from i on, -inf where they are not kept. `ties` counts the threshold's ties seen.
JG_INLINE F32 KeptScaled(const Row& row, const Prefix& prefix, float min_p, int64_t i,
                         int64_t* ties) {
  const F32 v = LoadLogits(row, i);
  const F32 none = Set(-kInfinity);
  Mask kept = Greater(v, Set(prefix.threshold));
  if (*ties < prefix.ties) {
    uint32_t equal = Bits(Equal(v, Set(prefix.threshold)));
    if (equal != 0) {
      float flags[kLanes] = {};
      for (; equal != 0 && *ties < prefix.ties; equal &= equal - 1, (*ties)++) {
        flags[__builtin_ctz(equal)] = 1.0f;
      }
      kept = Or(kept, Greater(Load(flags), Zero()));
    }
  }
  if (!Any(kept)) return none;
  const F32 x = Select(kept, Scaled(row, v), none);
  return min_p > 0 ? Select(GreaterEqual(Exp(x), Set(min_p)), x, none) : x;
}

int32_t Draw(const Row& row, const Prefix& prefix, float min_p, uint32_t position, uint64_t seed) {
  constexpr int kCounters = 16 / kLanes;  // vectors of counters in a block
  constexpr int kVectors = kBlock / kLanes;
  uint32_t lane_numbers[kLanes];
  for (int j = 0; j < kLanes; j++) lane_numbers[j] = static_cast<uint32_t>(j);
  const U32 lanes = LoadU(lane_numbers);
  float best = -kInfinity;
  int64_t best_id = 0;
  int64_t ties = 0;
  for (int64_t block = 0; block < row.n; block += kBlock) {
    F32 x[kVectors];
    F32 most = Set(-kInfinity);
    for (int j = 0; j < kVectors; j++) {
      const int64_t i = block + j * kLanes;
      x[j] = i < row.n ? KeptScaled(row, prefix, min_p, i, &ties) : Set(-kInfinity);
      most = Max(most, x[j]);
    }
    // Rounding is monotonic: what cannot win with more noise than it can get needs none drawn.
    if (!Any(Greater(Add(most, Set(kMostNoise)), Set(best)))) continue;
    Random4 random[kCounters];
    for (int j = 0; j < kCounters; j++) {
      const uint32_t first = static_cast<uint32_t>(block / kBlock * 16 + j * kLanes);
      random[j] = Philox(AddU(lanes, SetU(first)), position, seed);
    }
#pragma GCC unroll 16
    for (int j = 0; j < kVectors; j++) {
      const F32 v = Uniform(random[j % kCounters].word[j / kCounters]);
      if (!Any(Greater(Add(x[j], NoiseBound(v)), Set(best)))) continue;
      const F32 noisy = Add(x[j], GumbelNoise(v));
      float values[kLanes];
      Store(values, noisy);
      for (int lane = 0; lane < kLanes; lane++) {
        if (values[lane] > best) {
          best = values[lane];
          best_id = block + j * kLanes + lane;
        }
      }
    }
  }
  return static_cast<int32_t>(best_id);
}

int32_t SampleRow(const SampleArgs& args, int64_t row) {
  const BatchView& batch = *args.batch;
  const Sampling& sampling = batch.sampling[batch.sequence[args.first_row + row]];
  const float* logits = args.logits + row * args.ldlogits;
  const int32_t largest = ArgmaxRow(logits, args.n);
  if (largest < 0 || __builtin_isinf(logits[largest])) return largest;
  const Row x = {logits, args.n, logits[largest], sampling.temperature};
  Prefix prefix;
  if (sampling.top_k > 0 && sampling.top_k < args.n) prefix = TopK(x, sampling.top_k);
  if (sampling.top_p < 1) prefix = FirstOf<false>(x, prefix, sampling.top_p);
  const uint32_t position = static_cast<uint32_t>(batch.position[args.first_row + row]) + 1;
  const uint64_t seed = static_cast<uint64_t>(sampling.seed_high) << 32 | sampling.seed_low;
  return Draw(x, prefix, sampling.min_p, position, seed);
}

}  // namespace

int64_t SampleScratchBytes(int64_t, int64_t) { return 0; }

void Sample(const SampleArgs& args, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) args.ids[row] = SampleRow(args, row);
}

}  // namespace jangle::JG_TIER_NS
