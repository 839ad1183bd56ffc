// AVX-512 by SIMDe, and the few intrinsics that SIMDe 0.7 lacks. Included by intrinsics.h only.
#pragma once

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

namespace jangle::simde {

static inline simde__m512 MaskzLoad(uint16_t mask, const void* from) {
  float lanes[16] = {};
  for (int i = 0; i < 16; i++) {
    if (mask >> i & 1) lanes[i] = static_cast<const float*>(from)[i];
  }
  return simde_mm512_loadu_ps(lanes);
}

static inline void MaskStore(void* to, uint16_t mask, simde__m512 v) {
  float lanes[16];
  simde_mm512_storeu_ps(lanes, v);
  for (int i = 0; i < 16; i++) {
    if (mask >> i & 1) static_cast<float*>(to)[i] = lanes[i];
  }
}

static inline simde__m512 FromHalf(__m256i v) {
  float lanes[16];
  _mm256_storeu_ps(lanes, _mm256_cvtph_ps(_mm256_castsi256_si128(v)));
  _mm256_storeu_ps(lanes + 8, _mm256_cvtph_ps(_mm256_extracti128_si256(v, 1)));
  return simde_mm512_loadu_ps(lanes);
}

// Rounds to nearest even, whatever `rounding`.
static inline __m256i ToHalf(simde__m512 v, int) {
  float lanes[16];
  simde_mm512_storeu_ps(lanes, v);
  const __m128i low = _mm256_cvtps_ph(_mm256_loadu_ps(lanes), _MM_FROUND_TO_NEAREST_INT);
  const __m128i high = _mm256_cvtps_ph(_mm256_loadu_ps(lanes + 8), _MM_FROUND_TO_NEAREST_INT);
  return _mm256_set_m128i(high, low);
}

static inline simde__m512i ShiftRightSigned(simde__m512i v, int bits) {
  int32_t lanes[16];
  simde_mm512_storeu_si512(lanes, v);
  for (int i = 0; i < 16; i++) lanes[i] >>= bits;
  return simde_mm512_loadu_si512(lanes);
}

static inline simde__m512 FromInt(simde__m512i v) {
  int32_t from[16];
  float to[16];
  simde_mm512_storeu_si512(from, v);
  for (int i = 0; i < 16; i++) to[i] = static_cast<float>(from[i]);
  return simde_mm512_loadu_ps(to);
}

// Rounds to nearest even.
static inline simde__m512i ToInt(simde__m512 v) {
  float from[16];
  int32_t to[16];
  simde_mm512_storeu_ps(from, v);
  for (int i = 0; i < 16; i++) to[i] = _mm_cvtss_si32(_mm_set_ss(from[i]));
  return simde_mm512_loadu_si512(to);
}

}  // namespace jangle::simde

#undef _mm512_maskz_loadu_ps
#undef _mm512_mask_storeu_ps
#undef _mm512_cvtph_ps
#undef _mm512_cvtps_ph
#undef _mm512_srai_epi32
#define _mm512_maskz_loadu_ps(mask, from) ::jangle::simde::MaskzLoad(mask, from)
#define _mm512_mask_storeu_ps(to, mask, v) ::jangle::simde::MaskStore(to, mask, v)
#define _mm512_cvtph_ps(v) ::jangle::simde::FromHalf(v)
#define _mm512_cvtps_ph(v, rounding) ::jangle::simde::ToHalf(v, rounding)
#define _mm512_srai_epi32(v, bits) ::jangle::simde::ShiftRightSigned(v, bits)
#undef _mm512_cvtepi32_ps
#undef _mm512_cvtps_epi32
#define _mm512_cvtepi32_ps(v) ::jangle::simde::FromInt(v)
#define _mm512_cvtps_epi32(v) ::jangle::simde::ToInt(v)
