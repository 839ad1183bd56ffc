// Gradients of SwiGLU, out = gate s up with s = 1 / (1 + exp(-gate)), elementwise over rows of n:
//   dup = dout gate s
//   dgate = dout up s (1 + gate (1 - s))
// An element is read before it is written, so the outputs may be the inputs.
#include "row_sum.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {

void SwigluBackward(const SwigluBackwardArgs& args, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const float* gate = args.gate + row * args.ldx;
    const float* up = args.up + row * args.ldx;
    const float* dout = args.dout + row * args.lddout;
    float* dgate = args.dgate + row * args.lddx;
    float* dup = args.dup + row * args.lddx;
    ForLanes(args.n, [=](int64_t i, int lanes) {
      const F32 one = Set(1.0f);
      const F32 g = LoadLanes(gate + i, lanes);
      const F32 u = LoadLanes(up + i, lanes);
      const F32 d = LoadLanes(dout + i, lanes);
      const F32 s = Div(one, Add(one, Exp(Sub(Zero(), g))));
      const F32 slope = Mul(s, Fma(g, Sub(one, s), one));
      StoreLanes(dgate + i, Mul(Mul(d, u), slope), lanes);
      StoreLanes(dup + i, Mul(d, Mul(g, s)), lanes);
    });
  }
}

}  // namespace jangle::JG_TIER_NS
