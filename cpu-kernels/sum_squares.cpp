// The sum of squares in double. An item is a chunk of 65,536 elements, in 8 partial sums: element i
// goes to partial sum i % 8, in ascending order, and these are added as
// ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)). The chunks' sums lie in scratch; the caller adds them
// in ascending order. Squares of floats are exact in double.
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

constexpr int64_t kChunk = 65536;
constexpr int kSums = 8;

}  // namespace

int64_t SumSquaresItems(int64_t n) { return (n + kChunk - 1) / kChunk; }

void SumSquares(const SumSquaresArgs& args, int64_t begin, int64_t end) {
  for (int64_t item = begin; item < end; item++) {
    const float* x = args.x + item * kChunk;
    const int64_t n = args.n - item * kChunk < kChunk ? args.n - item * kChunk : kChunk;
    double sum[kSums] = {};
    int64_t i = 0;
    for (; i + kSums <= n; i += kSums) {
      for (int j = 0; j < kSums; j++) {
        const double v = static_cast<double>(x[i + j]);
        sum[j] += v * v;
      }
    }
    for (int j = 0; i + j < n; j++) {
      const double v = static_cast<double>(x[i + j]);
      sum[j] += v * v;
    }
    static_cast<double*>(args.scratch)[item] =
        ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
  }
}

}  // namespace jangle::JG_TIER_NS
