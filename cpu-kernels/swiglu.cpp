// SwiGLU: out = gate / (1 + exp(-gate)) * up, elementwise over rows of n. Vector body and remainder
// do the same arithmetic, so an element's bits do not depend on its column.
#include "simd.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

JG_INLINE F32 SiluMul(F32 gate, F32 up) {
  const F32 e = Exp(Sub(Zero(), gate));
  return Mul(Div(gate, Add(Set(1.0f), e)), up);
}

}  // namespace

void Swiglu(const SwigluArgs& args, int64_t begin, int64_t end) {
  const int64_t n = args.n;
  for (int64_t row = begin; row < end; row++) {
    const float* gate = args.gate + row * args.ldx;
    const float* up = args.up + row * args.ldx;
    float* out = args.out + row * args.ldout;
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      Store(out + i, SiluMul(Load(gate + i), Load(up + i)));
    }
    if (i < n) {
      const int rest = static_cast<int>(n - i);
      StorePart(out + i, SiluMul(LoadPart(gate + i, rest), LoadPart(up + i, rest)), rest);
    }
  }
}

}  // namespace jangle::JG_TIER_NS
