// RMSNorm: y = x / sqrt(mean(x^2) + eps) * weight, over each run of n elements.
// The order of the sum: row_sum.h.
#include "row_sum.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
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
