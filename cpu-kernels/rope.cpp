// Rotary position embedding in place, "rotate half": with h = head_dim / 2 and the angle of the
// row's position, (x[j], x[j + h]) becomes (x[j] cos - x[j + h] sin, x[j + h] cos + x[j] sin).
// table: [positions][head_dim] = cos[h], sin[h].
//
// Elementwise: vector body and remainder do the same arithmetic.
#include "simd.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {

void Rope(const RopeArgs& args, int64_t begin, int64_t end) {
  const int64_t half = args.head_dim / 2;
  for (int64_t row = begin; row < end; row++) {
    const float* cosines = args.table + args.batch->position[row] * args.head_dim;
    const float* sines = cosines + half;
    for (int64_t head = 0; head < args.heads; head++) {
      float* low = args.x + row * args.ldx + head * args.head_dim;
      float* high = low + half;
      int64_t j = 0;
      for (; j + kLanes <= half; j += kLanes) {
        const F32 c = Load(cosines + j);
        const F32 s = Load(sines + j);
        const F32 a = Load(low + j);
        const F32 b = Load(high + j);
        Store(low + j, NegFma(b, s, Mul(a, c)));
        Store(high + j, Fma(a, s, Mul(b, c)));
      }
      if (j < half) {
        const int rest = static_cast<int>(half - j);
        const F32 c = LoadPart(cosines + j, rest);
        const F32 s = LoadPart(sines + j, rest);
        const F32 a = LoadPart(low + j, rest);
        const F32 b = LoadPart(high + j, rest);
        StorePart(low + j, NegFma(b, s, Mul(a, c)), rest);
        StorePart(high + j, Fma(a, s, Mul(b, c)), rest);
      }
    }
  }
}

}  // namespace jangle::JG_TIER_NS
