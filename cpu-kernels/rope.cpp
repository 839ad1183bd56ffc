// Rotary position embedding in place, by the batch's positions; see rope_head.h.
// table: [positions][head_dim] = cos[h], sin[h].
#include "rope_head.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {

void Rope(const RopeArgs& args, int64_t begin, int64_t end) {
  const int64_t half = args.head_dim / 2;
  for (int64_t row = begin; row < end; row++) {
    const float* cosines = args.table + args.batch->position[row] * args.head_dim;
    const float* sines = cosines + half;
    for (int64_t head = 0; head < args.heads; head++) {
      float* x = args.x + row * args.ldx + head * args.head_dim;
      Rotate<false>(half, cosines, sines, x);
    }
  }
}

}  // namespace jangle::JG_TIER_NS
