// One float vector type and one width per instruction-set tier: F32 of kLanes floats, U32 of as
// many 32-bit integers, Mask of as many truth values. Every function lives in the tier's namespace
// and is always inlined, so no tier links another tier's code.
//
//   LoadPart(p, n), StorePart   touch the first n lanes only, 0 <= n < kLanes; the others read as 0
//   Fma(a, b, c)                a * b + c        NegFma(a, b, c)   c - a * b
//   Max(a, b), Min(a, b)        b where either is NaN (so the second operand's NaN stays)
//   Unordered(a, b)             true where either is NaN
//   Bits(mask)                  bit i is lane i
//   MulWide(a, b, high, low)    the two words of each lane's 64-bit product
//   SumAcross                   a fixed tree over the lanes
//   LoadF16, StoreF16           kLanes IEEE binary16 values, round to nearest even
#pragma once

#include <stdint.h>

#ifndef JG_TIER_NS
#error "compile once per tier with -DJG_TIER_NS=scalar|avx2|avx512|avx512bf16"
#endif

#define JG_INLINE static inline __attribute__((always_inline))

// Bits of a vector, by the tier's name.
#define JG_VECTOR_BITS_scalar 128
#define JG_VECTOR_BITS_avx2 256
#define JG_VECTOR_BITS_avx512 512
#define JG_VECTOR_BITS_avx512bf16 512
#define JG_VECTOR_BITS_OF_(tier) JG_VECTOR_BITS_##tier
#define JG_VECTOR_BITS_OF(tier) JG_VECTOR_BITS_OF_(tier)
#define JG_VECTOR_BITS JG_VECTOR_BITS_OF(JG_TIER_NS)

#if JG_VECTOR_BITS == 512
#include "intrinsics.h"
#include "simd_avx512.h"
#elif JG_VECTOR_BITS == 256
#include "intrinsics.h"
#include "simd_avx2.h"
#else
#include "simd_scalar.h"
#endif

namespace jangle::JG_TIER_NS {

JG_INLINE F32 LoadF16Part(const uint16_t* p, int n) {
  uint16_t lanes[kLanes] = {};
  for (int i = 0; i < n; i++) lanes[i] = p[i];
  return LoadF16(lanes);
}
JG_INLINE void StoreF16Part(uint16_t* p, F32 v, int n) {
  uint16_t lanes[kLanes];
  StoreF16(lanes, v);
  for (int i = 0; i < n; i++) p[i] = lanes[i];
}

// 1.5 * 2^23: adding it to a small float leaves the rounded integer in the low bits.
inline constexpr float kRoundToInteger = 12582912.0f;
inline constexpr uint32_t kRoundToIntegerBits = 0x4b400000u;

// e^x, within 2 ulp (tests/native/simd_tests.h). e^0 is 1; -inf gives 0, +inf and x > 88.73 inf,
// NaN NaN; results below 2^-126 are subnormal. Polynomial and splitting of ln 2: Cephes, expf.c (S.
// Moshier).
JG_INLINE F32 Exp(F32 x) {
  // Outside of the clamp the result is 0 or inf anyway. The order of operands keeps a NaN.
  const F32 c = Max(Set(-104.0f), Min(Set(89.0f), x));
  const F32 shifted = Fma(c, Set(1.44269504088896341f), Set(kRoundToInteger));
  const F32 n = Sub(shifted, Set(kRoundToInteger));
  F32 r = NegFma(n, Set(0.693359375f), c);
  r = NegFma(n, Set(-2.12194440e-4f), r);
  F32 p = Set(1.9875691500e-4f);
  p = Fma(p, r, Set(1.3981999507e-3f));
  p = Fma(p, r, Set(8.3334519073e-3f));
  p = Fma(p, r, Set(4.1665795894e-2f));
  p = Fma(p, r, Set(1.6666665459e-1f));
  p = Fma(p, r, Set(5.0000001201e-1f));
  p = Add(Fma(p, Mul(r, r), r), Set(1.0f));
  // 2^n in two factors, each a normal number, for n in [-150, 128].
  const U32 whole = SubU(AsU32(shifted), SetU(kRoundToIntegerBits));
  const U32 half = ShiftRightSigned<1>(whole);
  const U32 rest = SubU(whole, half);
  const U32 bias = SetU(127);
  const F32 a = AsF32(ShiftLeft<23>(AddU(half, bias)));
  const F32 b = AsF32(ShiftLeft<23>(AddU(rest, bias)));
  return Mul(Mul(p, a), b);
}

// ln x for normal x > 0, within 2 ulp. Cephes, logf.c.
JG_INLINE F32 Log(F32 x) {
  const U32 bits = AsU32(x);
  // x = m * 2^e with m in [sqrt(1/2), sqrt(2)).
  const U32 e = ShiftRightSigned<23>(SubU(bits, SetU(0x3f3504f3u)));
  const F32 f = Sub(AsF32(SubU(bits, ShiftLeft<23>(e))), Set(1.0f));
  const F32 k = Sub(AsF32(AddU(e, SetU(kRoundToIntegerBits))), Set(kRoundToInteger));
  const F32 z = Mul(f, f);
  F32 p = Set(7.0376836292e-2f);
  p = Fma(p, f, Set(-1.1514610310e-1f));
  p = Fma(p, f, Set(1.1676998740e-1f));
  p = Fma(p, f, Set(-1.2420140846e-1f));
  p = Fma(p, f, Set(1.4249322787e-1f));
  p = Fma(p, f, Set(-1.6668057665e-1f));
  p = Fma(p, f, Set(2.0000714765e-1f));
  p = Fma(p, f, Set(-2.4999993993e-1f));
  p = Fma(p, f, Set(3.3333331174e-1f));
  F32 y = Mul(Mul(p, f), z);
  y = Fma(k, Set(-2.12194440e-4f), y);
  y = Fma(z, Set(-0.5f), y);
  return Fma(k, Set(0.693359375f), Add(f, y));
}

}  // namespace jangle::JG_TIER_NS
