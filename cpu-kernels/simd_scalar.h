// Vectors of the scalar tier: four floats of the compiler's vector extension, so that it runs on
// any processor. There is no fused multiply-add here: Fma rounds twice. Included by simd.h only.
#pragma once

namespace jangle::JG_TIER_NS {

inline constexpr int kLanes = 4;
typedef float F32 __attribute__((vector_size(16)));
typedef uint32_t U32 __attribute__((vector_size(16)));
typedef int32_t Mask __attribute__((vector_size(16)));  // -1 where true

JG_INLINE F32 Zero() { return F32{}; }
JG_INLINE F32 Set(float x) { return F32{x, x, x, x}; }
JG_INLINE F32 Load(const float* p) {
  F32 v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
JG_INLINE F32 LoadPart(const float* p, int n) {
  F32 v = Zero();
  for (int i = 0; i < n; i++) v[i] = p[i];
  return v;
}
JG_INLINE void Store(float* p, F32 v) { __builtin_memcpy(p, &v, sizeof v); }
JG_INLINE void StorePart(float* p, F32 v, int n) {
  for (int i = 0; i < n; i++) p[i] = v[i];
}

JG_INLINE F32 Add(F32 a, F32 b) { return a + b; }
JG_INLINE F32 Sub(F32 a, F32 b) { return a - b; }
JG_INLINE F32 Mul(F32 a, F32 b) { return a * b; }
JG_INLINE F32 Div(F32 a, F32 b) { return a / b; }
JG_INLINE F32 Fma(F32 a, F32 b, F32 c) { return a * b + c; }
JG_INLINE F32 NegFma(F32 a, F32 b, F32 c) { return c - a * b; }
JG_INLINE F32 Max(F32 a, F32 b) { return a > b ? a : b; }
JG_INLINE F32 Min(F32 a, F32 b) { return a < b ? a : b; }
JG_INLINE F32 Sqrt(F32 v) {
  for (int i = 0; i < kLanes; i++) v[i] = __builtin_sqrtf(v[i]);
  return v;
}

JG_INLINE Mask Greater(F32 a, F32 b) { return a > b; }
JG_INLINE Mask GreaterEqual(F32 a, F32 b) { return a >= b; }
JG_INLINE Mask Equal(F32 a, F32 b) { return a == b; }
JG_INLINE Mask Unordered(F32 a, F32 b) { return ~((a == a) & (b == b)); }
JG_INLINE Mask Or(Mask a, Mask b) { return a | b; }
JG_INLINE uint32_t Bits(Mask m) { return (m[0] & 1) | (m[1] & 2) | (m[2] & 4) | (m[3] & 8); }
JG_INLINE bool Any(Mask m) { return Bits(m) != 0; }
JG_INLINE F32 Select(Mask m, F32 a, F32 b) { return m ? a : b; }

JG_INLINE U32 SetU(uint32_t x) { return U32{x, x, x, x}; }
JG_INLINE U32 LoadU(const uint32_t* p) {
  U32 v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
JG_INLINE U32 AsU32(F32 v) { return (U32)v; }
JG_INLINE F32 AsF32(U32 v) { return (F32)v; }
JG_INLINE U32 AddU(U32 a, U32 b) { return a + b; }
JG_INLINE U32 SubU(U32 a, U32 b) { return a - b; }
JG_INLINE U32 AndU(U32 a, U32 b) { return a & b; }
JG_INLINE U32 OrU(U32 a, U32 b) { return a | b; }
JG_INLINE U32 XorU(U32 a, U32 b) { return a ^ b; }
template <int kBits>
JG_INLINE U32 ShiftLeft(U32 v) {
  return v << kBits;
}
template <int kBits>
JG_INLINE U32 ShiftRight(U32 v) {
  return v >> kBits;
}
template <int kBits>
JG_INLINE U32 ShiftRightSigned(U32 v) {
  return (U32)((Mask)v >> kBits);
}
JG_INLINE void MulWide(U32 a, uint32_t b, U32* high, U32* low) {
  for (int i = 0; i < kLanes; i++) {
    const uint64_t product = uint64_t{a[i]} * b;
    (*high)[i] = static_cast<uint32_t>(product >> 32);
    (*low)[i] = static_cast<uint32_t>(product);
  }
}

JG_INLINE float SumAcross(F32 v) { return (v[0] + v[2]) + (v[1] + v[3]); }
JG_INLINE void SumAcross4(F32 a, F32 b, F32 c, F32 d, float* sums) {
  sums[0] = SumAcross(a);
  sums[1] = SumAcross(b);
  sums[2] = SumAcross(c);
  sums[3] = SumAcross(d);
}
JG_INLINE float MaxAcross(F32 v) {
  const float a = v[0] > v[2] ? v[0] : v[2];
  const float b = v[1] > v[3] ? v[1] : v[3];
  return a > b ? a : b;
}

// IEEE binary16. A half's exponent and mantissa, moved to a float's place, read 2^-112 too small;
// the product restores them, subnormals included.
JG_INLINE F32 LoadF16(const uint16_t* p) {
  const U32 h = U32{p[0], p[1], p[2], p[3]};
  const U32 finite = AsU32(AsF32((h & 0x7fffu) << 13) * Set(0x1p112f));
  const U32 special = (U32)((h & 0x7c00u) == 0x7c00u);  // inf, NaN
  return AsF32(((h & 0x8000u) << 16) | finite | (special & 0x7f800000u));
}
// Rounds to nearest, ties to even; 65,520 and above give infinity, as F16C does.
JG_INLINE uint16_t ToF16(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  const uint32_t sign = (bits >> 16) & 0x8000;
  const uint32_t magnitude = bits & 0x7fffffff;
  uint32_t half;
  if (magnitude > 0x7f800000) {
    half = 0x7e00 | ((magnitude >> 13) & 0x3ff);
  } else if (magnitude >= 0x477ff000) {
    half = 0x7c00;
  } else if (magnitude < 0x38800000) {  // subnormal: 0.5 has 2^-24 as its last place
    float value;
    __builtin_memcpy(&value, &magnitude, sizeof value);
    value += 0.5f;
    __builtin_memcpy(&half, &value, sizeof half);
    half -= 0x3f000000;
  } else {
    half = (magnitude + 0xfff + ((magnitude >> 13) & 1) - 0x38000000) >> 13;
  }
  return static_cast<uint16_t>(sign | half);
}
JG_INLINE void StoreF16(uint16_t* p, F32 v) {
  for (int i = 0; i < kLanes; i++) p[i] = ToF16(v[i]);
}

}  // namespace jangle::JG_TIER_NS
