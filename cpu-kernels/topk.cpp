// ids, values: [rows][k], the k largest logits of each row, largest first, ties by the lower index;
// ids and values are all -1 where the row holds a NaN. 1 <= k <= 64.
#include "topk.h"

#include "tier_ops.h"

namespace jangle::JG_TIER_NS {

void Topk(const TopkArgs& args, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    int32_t* ids = args.ids + row * args.k;
    float* values = args.values + row * args.k;
    TopkList best = {.k = args.k, .count = 0, .ids = ids, .values = values};
    if (TopkRow(args.logits + row * args.ldlogits, args.n, &best)) continue;
    for (int64_t i = 0; i < args.k; i++) {
      ids[i] = -1;
      values[i] = -1.0f;
    }
  }
}

}  // namespace jangle::JG_TIER_NS
