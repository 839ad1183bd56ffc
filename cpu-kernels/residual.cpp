// y += x, elementwise over rows of n.
#include "simd.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {

void Residual(const ResidualArgs& args, int64_t begin, int64_t end) {
  const int64_t n = args.n;
  for (int64_t row = begin; row < end; row++) {
    const float* x = args.x + row * args.ldx;
    float* y = args.y + row * args.ldy;
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) Store(y + i, Add(Load(y + i), Load(x + i)));
    if (i < n) {
      const int rest = static_cast<int>(n - i);
      StorePart(y + i, Add(LoadPart(y + i, rest), LoadPart(x + i, rest)), rest);
    }
  }
}

}  // namespace jangle::JG_TIER_NS
