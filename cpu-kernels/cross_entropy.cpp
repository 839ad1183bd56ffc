// Cross-entropy of rows of n logits against a target each, and its gradient in their place:
//   loss = ln(sum exp(z_j - m)) + m - z_target, m = max z
//   z_j becomes weight * (exp(z_j - m) / sum - (j == target))
// The sum goes by chunks of 1,024 columns in the order of row_sum.h, added in double in ascending
// order, so that a large vocabulary loses nothing. A NaN makes the row's loss and gradient NaN. A
// row without a target has loss 0 and gradient 0.
#include <cmath>

#include "row_sum.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

constexpr int64_t kChunk = 1024;

// z becomes exp(z - m); returns the sum.
float ExpChunk(float* z, int64_t n, float m) {
  const F32 largest = Set(m);
  return SumRow(n, [=](int64_t i, int lanes, F32 sum) {
    const F32 e = Exp(Sub(LoadLanes(z + i, lanes), largest));
    StoreLanes(z + i, e, lanes);
    // The lanes that do not exist must not count.
    return Add(sum, lanes == kLanes ? e : LoadLanes(z + i, lanes));
  });
}

void Row(float* z, int64_t n, int64_t target, float weight, double* loss) {
  if (target < 0 || target >= n) {
    ForLanes(n, [z](int64_t i, int lanes) { StoreLanes(z + i, Zero(), lanes); });
    *loss = 0;
    return;
  }
  const float m = MaxOfRow(z, n);
  const double target_logit = static_cast<double>(z[target]);
  double sum = 0;
  for (int64_t i = 0; i < n; i += kChunk) {
    sum += static_cast<double>(ExpChunk(z + i, n - i < kChunk ? n - i : kChunk, m));
  }
  *loss = std::log(sum) + (static_cast<double>(m) - target_logit);
  const F32 scale = Set(static_cast<float>(static_cast<double>(weight) / sum));
  const float at_target =
      static_cast<float>(static_cast<double>(weight) * (static_cast<double>(z[target]) / sum - 1));
  ForLanes(n, [=](int64_t i, int lanes) {
    StoreLanes(z + i, Mul(LoadLanes(z + i, lanes), scale), lanes);
  });
  z[target] = at_target;
}

}  // namespace

void CrossEntropy(const CrossEntropyArgs& args, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    Row(args.logits + row * args.ldlogits, args.n, args.targets[row], args.weights[row],
        args.loss + row);
  }
}

}  // namespace jangle::JG_TIER_NS
