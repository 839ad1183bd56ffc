// Vectors of the AVX-512 tiers (F, BW, DQ, VL): sixteen floats. Included by simd.h only.
#pragma once

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
// Tree: lanes 8 apart, then 4, 2 and 1 apart.
JG_INLINE float SumAcross(F32 v) {
  const __m256 h = _mm256_add_ps(LowHalf(v), HighHalf(v));
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
// SumAcross of four vectors with shared shuffles: the same tree for each.
JG_INLINE void SumAcross4(F32 a512, F32 b512, F32 c512, F32 d512, float* sums) {
  const __m256 a = _mm256_add_ps(LowHalf(a512), HighHalf(a512));
  const __m256 b = _mm256_add_ps(LowHalf(b512), HighHalf(b512));
  const __m256 c = _mm256_add_ps(LowHalf(c512), HighHalf(c512));
  const __m256 d = _mm256_add_ps(LowHalf(d512), HighHalf(d512));
  const __m256 ab = _mm256_add_ps(_mm256_blend_ps(a, b, 0xf0), _mm256_permute2f128_ps(a, b, 0x21));
  const __m256 cd = _mm256_add_ps(_mm256_blend_ps(c, d, 0xf0), _mm256_permute2f128_ps(c, d, 0x21));
  // Low half: two sums of a, two of c; high half: two of b, two of d.
  const __m256 pairs =
      _mm256_add_ps(_mm256_blend_ps(ab, cd, 0xcc), _mm256_shuffle_ps(ab, cd, 0x4e));
  const __m256 all = _mm256_add_ps(pairs, _mm256_movehdup_ps(pairs));  // a . c . | b . d .
  const __m128 low = _mm256_castps256_ps128(all);
  const __m128 high = _mm256_extractf128_ps(all, 1);
  const __m128 ac = _mm_shuffle_ps(low, low, 0x08);   // a c
  const __m128 bd = _mm_shuffle_ps(high, high, 0x08);  // b d
  _mm_storeu_ps(sums, _mm_unpacklo_ps(ac, bd));
}
JG_INLINE float MaxAcross(F32 v) {
  const __m256 h = _mm256_max_ps(LowHalf(v), HighHalf(v));
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

JG_INLINE F32 LoadF16(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
JG_INLINE void StoreF16(uint16_t* p, F32 v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

}  // namespace jangle::JG_TIER_NS
