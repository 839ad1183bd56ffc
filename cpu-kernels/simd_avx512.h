// Vectors of the AVX-512 tiers (F, BW, DQ, VL): sixteen floats. Included by simd.h only.
#pragma once

#include "simd_across.h"

namespace jangle::JG_TIER_NS {

inline constexpr int kLanes = 16;
using F32 = __m512;
using U32 = __m512i;
using Mask = __mmask16;

JG_INLINE F32 Zero() { return _mm512_setzero_ps(); }
JG_INLINE F32 Set(float x) { return _mm512_set1_ps(x); }
JG_INLINE F32 Load(const float* p) { return _mm512_loadu_ps(p); }
JG_INLINE Mask FirstLanes(int n) { return static_cast<Mask>((1u << n) - 1); }
JG_INLINE F32 LoadPart(const float* p, int n) { return _mm512_maskz_loadu_ps(FirstLanes(n), p); }
JG_INLINE void Store(float* p, F32 v) { _mm512_storeu_ps(p, v); }
JG_INLINE void StorePart(float* p, F32 v, int n) { _mm512_mask_storeu_ps(p, FirstLanes(n), v); }

JG_INLINE F32 Add(F32 a, F32 b) { return _mm512_add_ps(a, b); }
JG_INLINE F32 Sub(F32 a, F32 b) { return _mm512_sub_ps(a, b); }
JG_INLINE F32 Mul(F32 a, F32 b) { return _mm512_mul_ps(a, b); }
JG_INLINE F32 Div(F32 a, F32 b) { return _mm512_div_ps(a, b); }
JG_INLINE F32 Fma(F32 a, F32 b, F32 c) { return _mm512_fmadd_ps(a, b, c); }
JG_INLINE F32 NegFma(F32 a, F32 b, F32 c) { return _mm512_fnmadd_ps(a, b, c); }
JG_INLINE F32 Max(F32 a, F32 b) { return _mm512_max_ps(a, b); }
JG_INLINE F32 Min(F32 a, F32 b) { return _mm512_min_ps(a, b); }
JG_INLINE F32 Sqrt(F32 v) { return _mm512_sqrt_ps(v); }

JG_INLINE Mask Greater(F32 a, F32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
JG_INLINE Mask GreaterEqual(F32 a, F32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
JG_INLINE Mask Equal(F32 a, F32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
JG_INLINE Mask Unordered(F32 a, F32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q); }
JG_INLINE Mask Or(Mask a, Mask b) { return static_cast<Mask>(a | b); }
JG_INLINE uint32_t Bits(Mask m) { return m; }
JG_INLINE bool Any(Mask m) { return m != 0; }
JG_INLINE F32 Select(Mask m, F32 a, F32 b) { return _mm512_mask_blend_ps(m, b, a); }

JG_INLINE U32 SetU(uint32_t x) { return _mm512_set1_epi32(static_cast<int32_t>(x)); }
JG_INLINE U32 LoadU(const uint32_t* p) { return _mm512_loadu_si512(p); }
JG_INLINE U32 AsU32(F32 v) { return _mm512_castps_si512(v); }
JG_INLINE F32 AsF32(U32 v) { return _mm512_castsi512_ps(v); }
JG_INLINE U32 AddU(U32 a, U32 b) { return _mm512_add_epi32(a, b); }
JG_INLINE U32 SubU(U32 a, U32 b) { return _mm512_sub_epi32(a, b); }
JG_INLINE U32 AndU(U32 a, U32 b) { return _mm512_and_si512(a, b); }
JG_INLINE U32 OrU(U32 a, U32 b) { return _mm512_or_si512(a, b); }
JG_INLINE U32 XorU(U32 a, U32 b) { return _mm512_xor_si512(a, b); }
template <int kBits>
JG_INLINE U32 ShiftLeft(U32 v) {
  return _mm512_slli_epi32(v, kBits);
}
template <int kBits>
JG_INLINE U32 ShiftRight(U32 v) {
  return _mm512_srli_epi32(v, kBits);
}
template <int kBits>
JG_INLINE U32 ShiftRightSigned(U32 v) {
  return _mm512_srai_epi32(v, kBits);
}
JG_INLINE void MulWide(U32 a, uint32_t b, U32* high, U32* low) {
  const __m512i factor = SetU(b);
  const __m512i even = _mm512_mul_epu32(a, factor);
  const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), factor);
  *high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
  *low = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
}

JG_INLINE __m256 LowHalf(F32 v) { return _mm512_castps512_ps256(v); }
JG_INLINE __m256 HighHalf(F32 v) {
  return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
}
JG_INLINE __m256 SumHalves(F32 v) { return _mm256_add_ps(LowHalf(v), HighHalf(v)); }
// Tree: lanes 8 apart, then as in 256 bits.
JG_INLINE float SumAcross(F32 v) { return SumAcross256(SumHalves(v)); }
JG_INLINE void SumAcross4(F32 a, F32 b, F32 c, F32 d, float* sums) {
  SumAcross4x256(SumHalves(a), SumHalves(b), SumHalves(c), SumHalves(d), sums);
}
JG_INLINE float MaxAcross(F32 v) { return MaxAcross256(_mm256_max_ps(LowHalf(v), HighHalf(v))); }

JG_INLINE F32 LoadF16(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
JG_INLINE void StoreF16(uint16_t* p, F32 v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

}  // namespace jangle::JG_TIER_NS
