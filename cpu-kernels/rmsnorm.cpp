// RMSNorm: y = x / sqrt(mean(x^2) + eps) * weight, over each run of n elements.
//
// The sum of squares has 4 * kLanes partial sums: element i goes to partial sum i % (4 * kLanes),
// in ascending order of i. They are added as (0 + 1) + (2 + 3) by vector, then across lanes in the
// fixed tree of SumAcross. Missing elements of the last block count as 0, so one rule serves every
// n.
#include "simd.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

float SumOfSquares(const float* x, int64_t n) {
  F32 sum[4] = {Zero(), Zero(), Zero(), Zero()};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      const F32 v = Load(x + i + j * kLanes);
      sum[j] = Fma(v, v, sum[j]);
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++, i += kLanes) {
    if (i >= n) break;
    const F32 v = i + kLanes <= n ? Load(x + i) : LoadPart(x + i, static_cast<int>(n - i));
    sum[j] = Fma(v, v, sum[j]);
  }
  return SumAcross(Add(Add(sum[0], sum[1]), Add(sum[2], sum[3])));
}

}  // namespace

void Rmsnorm(const RmsnormArgs& args, int64_t begin, int64_t end) {
  const int64_t n = args.n;
  for (int64_t item = begin; item < end; item++) {
    const int64_t row = item / args.groups;
    const int64_t group = item % args.groups;
    const float* x = args.x + row * args.ldx + group * n;
    float* y = args.y + row * args.ldy + group * n;
    const float mean = SumOfSquares(x, n) / static_cast<float>(n);
    const F32 scale = Div(Set(1.0f), Sqrt(Set(mean + args.eps)));
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      Store(y + i, Mul(Mul(Load(x + i), scale), Load(args.weight + i)));
    }
    if (i < n) {
      const int rest = static_cast<int>(n - i);
      const F32 v = Mul(LoadPart(x + i, rest), scale);
      StorePart(y + i, Mul(v, LoadPart(args.weight + i, rest)), rest);
    }
  }
}

}  // namespace jangle::JG_TIER_NS
