// Rotary position embedding in place by explicit positions, and its inverse, which is its gradient;
// see rope_head.h. A position outside of the table counts as the nearest one inside.
#include "rope_head.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {

void RopeRows(const RopeRowsArgs& args, int64_t begin, int64_t end) {
  const int64_t half = args.head_dim / 2;
  for (int64_t row = begin; row < end; row++) {
    int64_t position = args.positions[row];
    if (position < 0) position = 0;
    if (position >= args.table_positions) position = args.table_positions - 1;
    const float* cosines = args.table + position * args.head_dim;
    const float* sines = cosines + half;
    for (int64_t head = 0; head < args.heads; head++) {
      float* x = args.x + row * args.ldx + head * args.head_dim;
      if (args.inverse) {
        Rotate<true>(half, cosines, sines, x);
      } else {
        Rotate<false>(half, cosines, sines, x);
      }
    }
  }
}

}  // namespace jangle::JG_TIER_NS
