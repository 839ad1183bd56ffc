// Gradients of RMSNorm, y = x r w with r = 1 / sqrt(mean(x^2) + eps), over each run of n elements:
//   dx = r (w dy - x c), c = r^2 / n * sum(w dy x)
//   dw += sum over runs of dy x r
// Two passes. The first goes by runs, keeps their r in scratch [rows * groups], and sums in the
// order of row_sum.h. The second goes by columns: each column adds its runs in ascending order, 32
// of them at a time into a sum of their own (fma from 0), which is then added to the total.
#include "row_sum.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

constexpr int64_t kRunsPerSum = 32;
constexpr int kVectors = 4;  // of columns, in flight

struct Run {
  const float* x;
  const float* dy;
  float* dx;
};

Run RunOf(const RmsnormBackwardArgs& args, int64_t item) {
  const int64_t row = item / args.groups;
  const int64_t at = item % args.groups * args.n;
  return {args.x + row * args.ldx + at, args.dy + row * args.lddy + at,
          args.dx + row * args.lddx + at};
}

// Columns [column, column + columns) of dweight, at most kVectors * kLanes.
void AddColumns(const RmsnormBackwardArgs& args, int64_t column, int64_t columns) {
  const float* r = static_cast<const float*>(args.scratch);
  const int64_t runs = args.rows * args.groups;
  F32 total[kVectors];
  int lanes[kVectors];
  for (int v = 0; v < kVectors; v++) {
    const int64_t left = columns - v * kLanes;
    lanes[v] = static_cast<int>(left < 0 ? 0 : left < kLanes ? left : kLanes);
    total[v] = LoadLanes(args.dweight + column + v * kLanes, lanes[v]);
  }
  for (int64_t first = 0; first < runs; first += kRunsPerSum) {
    const int64_t last = first + kRunsPerSum < runs ? first + kRunsPerSum : runs;
    F32 sum[kVectors] = {};
    for (int64_t i = first; i < last; i++) {
      const Run run = RunOf(args, i);
      const F32 scale = Set(r[i]);
      for (int v = 0; v < kVectors; v++) {
        const int64_t j = column + v * kLanes;
        const F32 x = Mul(LoadLanes(run.x + j, lanes[v]), scale);
        sum[v] = Fma(LoadLanes(run.dy + j, lanes[v]), x, sum[v]);
      }
    }
    for (int v = 0; v < kVectors; v++) total[v] = Add(total[v], sum[v]);
  }
  for (int v = 0; v < kVectors; v++) {
    StoreLanes(args.dweight + column + v * kLanes, total[v], lanes[v]);
  }
}

}  // namespace

void RmsnormBackward(const RmsnormBackwardArgs& args, int64_t begin, int64_t end) {
  const float* w = args.weight;
  float* scales = static_cast<float*>(args.scratch);
  for (int64_t item = begin; item < end; item++) {
    const Run run = RunOf(args, item);
    const float* x = run.x;
    const float* dy = run.dy;
    float* dx = run.dx;
    const float n = static_cast<float>(args.n);
    const float r = 1.0f / __builtin_sqrtf(SumOfSquares(x, args.n) / n + args.eps);
    const float dot = SumRow(args.n, [=](int64_t i, int lanes, F32 sum) {
      const F32 v = Mul(LoadLanes(w + i, lanes), LoadLanes(dy + i, lanes));
      return Fma(v, LoadLanes(x + i, lanes), sum);
    });
    const F32 c = Set(r * r * dot / n);
    const F32 scale = Set(r);
    const bool accumulate = args.accumulate;
    ForLanes(args.n, [=](int64_t i, int lanes) {
      const F32 v = Mul(LoadLanes(w + i, lanes), LoadLanes(dy + i, lanes));
      const F32 d = NegFma(LoadLanes(x + i, lanes), c, v);
      const F32 result = accumulate ? Fma(scale, d, LoadLanes(dx + i, lanes)) : Mul(scale, d);
      StoreLanes(dx + i, result, lanes);
    });
    scales[item] = r;
  }
}

int64_t RmsnormWeightItems(int64_t n) { return (n + kVectors * kLanes - 1) / (kVectors * kLanes); }

void RmsnormWeightBackward(const RmsnormBackwardArgs& args, int64_t begin, int64_t end) {
  for (int64_t item = begin; item < end; item++) {
    const int64_t column = item * kVectors * kLanes;
    AddColumns(args, column, args.n - column);
  }
}

}  // namespace jangle::JG_TIER_NS
