// Vectors of the AVX2 tier (AVX2, FMA, F16C): eight floats. Included by simd.h only.
#pragma once

#include "simd_across.h"

namespace jangle::JG_TIER_NS {

inline constexpr int kLanes = 8;
using F32 = __m256;
using U32 = __m256i;
using Mask = __m256;  // all bits of a lane set where true

JG_INLINE F32 Zero() { return _mm256_setzero_ps(); }
JG_INLINE F32 Set(float x) { return _mm256_set1_ps(x); }
JG_INLINE F32 Load(const float* p) { return _mm256_loadu_ps(p); }
JG_INLINE __m256i FirstLanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
JG_INLINE F32 LoadPart(const float* p, int n) { return _mm256_maskload_ps(p, FirstLanes(n)); }
JG_INLINE void Store(float* p, F32 v) { _mm256_storeu_ps(p, v); }
JG_INLINE void StorePart(float* p, F32 v, int n) { _mm256_maskstore_ps(p, FirstLanes(n), v); }

JG_INLINE F32 Add(F32 a, F32 b) { return _mm256_add_ps(a, b); }
JG_INLINE F32 Sub(F32 a, F32 b) { return _mm256_sub_ps(a, b); }
JG_INLINE F32 Mul(F32 a, F32 b) { return _mm256_mul_ps(a, b); }
JG_INLINE F32 Div(F32 a, F32 b) { return _mm256_div_ps(a, b); }
JG_INLINE F32 Fma(F32 a, F32 b, F32 c) { return _mm256_fmadd_ps(a, b, c); }
JG_INLINE F32 NegFma(F32 a, F32 b, F32 c) { return _mm256_fnmadd_ps(a, b, c); }
JG_INLINE F32 Max(F32 a, F32 b) { return _mm256_max_ps(a, b); }
JG_INLINE F32 Min(F32 a, F32 b) { return _mm256_min_ps(a, b); }
JG_INLINE F32 Sqrt(F32 v) { return _mm256_sqrt_ps(v); }

JG_INLINE Mask Greater(F32 a, F32 b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
JG_INLINE Mask GreaterEqual(F32 a, F32 b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
JG_INLINE Mask Equal(F32 a, F32 b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
JG_INLINE Mask Unordered(F32 a, F32 b) { return _mm256_cmp_ps(a, b, _CMP_UNORD_Q); }
JG_INLINE Mask Or(Mask a, Mask b) { return _mm256_or_ps(a, b); }
JG_INLINE uint32_t Bits(Mask m) { return static_cast<uint32_t>(_mm256_movemask_ps(m)); }
JG_INLINE bool Any(Mask m) { return _mm256_movemask_ps(m) != 0; }
JG_INLINE F32 Select(Mask m, F32 a, F32 b) { return _mm256_blendv_ps(b, a, m); }

JG_INLINE U32 SetU(uint32_t x) { return _mm256_set1_epi32(static_cast<int32_t>(x)); }
JG_INLINE U32 LoadU(const uint32_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
JG_INLINE U32 AsU32(F32 v) { return _mm256_castps_si256(v); }
JG_INLINE F32 AsF32(U32 v) { return _mm256_castsi256_ps(v); }
JG_INLINE U32 AddU(U32 a, U32 b) { return _mm256_add_epi32(a, b); }
JG_INLINE U32 SubU(U32 a, U32 b) { return _mm256_sub_epi32(a, b); }
JG_INLINE U32 AndU(U32 a, U32 b) { return _mm256_and_si256(a, b); }
JG_INLINE U32 OrU(U32 a, U32 b) { return _mm256_or_si256(a, b); }
JG_INLINE U32 XorU(U32 a, U32 b) { return _mm256_xor_si256(a, b); }
template <int kBits>
JG_INLINE U32 ShiftLeft(U32 v) {
  return _mm256_slli_epi32(v, kBits);
}
template <int kBits>
JG_INLINE U32 ShiftRight(U32 v) {
  return _mm256_srli_epi32(v, kBits);
}
template <int kBits>
JG_INLINE U32 ShiftRightSigned(U32 v) {
  return _mm256_srai_epi32(v, kBits);
}
JG_INLINE void MulWide(U32 a, uint32_t b, U32* high, U32* low) {
  const __m256i factor = SetU(b);
  const __m256i even = _mm256_mul_epu32(a, factor);
  const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), factor);
  *high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
  *low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
}

JG_INLINE float SumAcross(F32 v) { return SumAcross256(v); }
JG_INLINE void SumAcross4(F32 a, F32 b, F32 c, F32 d, float* sums) {
  SumAcross4x256(a, b, c, d, sums);
}
JG_INLINE float MaxAcross(F32 v) { return MaxAcross256(v); }

JG_INLINE F32 LoadF16(const uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
JG_INLINE void StoreF16(uint16_t* p, F32 v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

}  // namespace jangle::JG_TIER_NS
