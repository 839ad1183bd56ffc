// ids[i] = the lowest index of row i's largest logit; -1 where the row holds a NaN.
#include "argmax.h"

#include "tier_ops.h"

namespace jangle::JG_TIER_NS {

void Argmax(const ArgmaxArgs& args, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    args.ids[row] = ArgmaxRow(args.logits + row * args.ldlogits, args.n);
  }
}

}  // namespace jangle::JG_TIER_NS
