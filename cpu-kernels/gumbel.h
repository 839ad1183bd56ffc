// Gumbel noise from a counter-based generator, for sampling by argmax: the token with the largest
// logit / temperature + noise is a draw from the softmax (Gumbel-max trick).
//
// Generator: Philox4x32-10 (J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC
// 2011), key = the two words of the seed, low first. The counter of token t at position p is (t /
// 64 * 16 + t % 16, p, 0, 0) and its word is number t / 16 % 4 of the four: one call serves four
// vectors of 16 consecutive tokens.
//
// A word x gives v = (x + 1/2) / 2^32, at most 1 - 2^-24, and the noise -ln(-ln(1 - v)). Noise is
// large where v is small, and there v has full relative precision: the tail reaches 22.9, not
// the 16.6 of a 24-bit uniform.
#pragma once

#include "simd.h"

namespace jangle::JG_TIER_NS {

// No noise is above this (that of word 0 is 22.87).
inline constexpr float kMostNoise = 23.0f;

struct Random4 {
  U32 word[4];
};

// The ten rounds for kLanes counters (c0, c1, 0, 0).
JG_INLINE Random4 Philox(U32 c0, uint32_t c1, uint64_t seed) {
  Random4 c = {{c0, SetU(c1), SetU(0), SetU(0)}};
  uint32_t key0 = static_cast<uint32_t>(seed);
  uint32_t key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; round++) {
    U32 high0, low0, high1, low1;
    MulWide(c.word[0], 0xD2511F53u, &high0, &low0);
    MulWide(c.word[2], 0xCD9E8D57u, &high1, &low1);
    c = {{XorU(XorU(high1, c.word[1]), SetU(key0)), low1, XorU(XorU(high0, c.word[3]), SetU(key1)),
          low0}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

// v of a word.
JG_INLINE F32 Uniform(U32 x) {
  // The upper 23 and the lower 9 bits as exact floats, joined with one rounding.
  const F32 upper = Sub(AsF32(OrU(ShiftRight<9>(x), SetU(0x3f800000u))), Set(1.0f));
  const F32 lower = Sub(AsF32(OrU(AndU(x, SetU(0x1ffu)), SetU(0x4b000000u))), Set(0x1p23f));
  return Min(Fma(Add(lower, Set(0.5f)), Set(0x1p-32f), upper), Set(1.0f - 0x1p-24f));
}

JG_INLINE F32 GumbelNoise(F32 v) {
  // ln(1 - v) = ln(u) + c / u, with u = 1 - v rounded and c what the rounding lost.
  const F32 u = Sub(Set(1.0f), v);
  const F32 c = Sub(Sub(Set(1.0f), u), v);
  const F32 exponential = Sub(Zero(), Add(Log(u), Div(c, u)));
  return Sub(Zero(), Log(exponential));
}

// A cheap bound that the noise of v is below: -ln(-ln(1 - v)) < -ln(v), and v >= 2^e by its
// exponent.
JG_INLINE F32 NoiseBound(F32 v) {
  const U32 e = SubU(ShiftRight<23>(AsU32(v)), SetU(127));
  const F32 k = Sub(AsF32(AddU(e, SetU(kRoundToIntegerBits))), Set(kRoundToInteger));
  return Fma(k, Set(-0.693147181f), Set(0.01f));
}

}  // namespace jangle::JG_TIER_NS
