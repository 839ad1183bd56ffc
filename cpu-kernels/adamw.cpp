// One step of AdamW, elementwise, as jangle.h says. The factors are made in double, once, and
// rounded to float. An item is a block of 4,096 elements.
#include <cmath>

#include "row_sum.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

constexpr int64_t kBlock = 4096;

F32 Factor(double x) { return Set(static_cast<float>(x)); }

}  // namespace

int64_t AdamwItems(int64_t n) { return (n + kBlock - 1) / kBlock; }

void Adamw(const AdamwArgs& args, int64_t begin, int64_t end) {
  const double step = static_cast<double>(args.step);
  const double correction1 = 1 - std::pow(args.beta1, step);
  const double correction2 = 1 - std::pow(args.beta2, step);
  const F32 gradient_scale = Factor(args.gradient_scale);
  const F32 keep = Factor(1 - args.rate * args.decay);
  const F32 toward = Factor(1 - args.beta1);
  const F32 beta2 = Factor(args.beta2);
  const F32 rest2 = Factor(1 - args.beta2);
  const F32 root2 = Factor(std::sqrt(correction2));
  const F32 eps = Factor(args.eps);
  const F32 rate = Factor(args.rate / correction1);
  const int64_t first = begin * kBlock;
  const int64_t last = end * kBlock < args.n ? end * kBlock : args.n;
  float* const ws = args.weight + first;
  const float* const gs = args.gradient + first;
  float* const ms = args.m + first;
  float* const vs = args.v + first;
  ForLanes(last - first, [=](int64_t i, int lanes) {
    const F32 g = Mul(LoadLanes(gs + i, lanes), gradient_scale);
    F32 m = LoadLanes(ms + i, lanes);
    m = Fma(toward, Sub(g, m), m);
    const F32 v = Fma(Mul(rest2, g), g, Mul(LoadLanes(vs + i, lanes), beta2));
    const F32 w = Mul(LoadLanes(ws + i, lanes), keep);
    const F32 divisor = Add(Div(Sqrt(v), root2), eps);
    StoreLanes(ms + i, m, lanes);
    StoreLanes(vs + i, v, lanes);
    StoreLanes(ws + i, NegFma(rate, Div(m, divisor), w), lanes);
  });
}

}  // namespace jangle::JG_TIER_NS
