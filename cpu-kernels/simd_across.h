// Reductions over the lanes of 256 bits, for the AVX2 and AVX-512 tiers. Included by them only.
#pragma once

namespace jangle::JG_TIER_NS {

// Tree: lanes 4 apart, then 2 apart, then 1 apart.
JG_INLINE float SumAcross256(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

// SumAcross256 of four vectors with shared shuffles: the same tree for each.
JG_INLINE void SumAcross4x256(__m256 a, __m256 b, __m256 c, __m256 d, float* sums) {
  const __m256 ab = _mm256_add_ps(_mm256_blend_ps(a, b, 0xf0), _mm256_permute2f128_ps(a, b, 0x21));
  const __m256 cd = _mm256_add_ps(_mm256_blend_ps(c, d, 0xf0), _mm256_permute2f128_ps(c, d, 0x21));
  // Low half: two sums of a, two of c; high half: two of b, two of d.
  const __m256 pairs =
      _mm256_add_ps(_mm256_blend_ps(ab, cd, 0xcc), _mm256_shuffle_ps(ab, cd, 0x4e));
  const __m256 all = _mm256_add_ps(pairs, _mm256_movehdup_ps(pairs));  // a . c . | b . d .
  const __m128 low = _mm256_castps256_ps128(all);
  const __m128 high = _mm256_extractf128_ps(all, 1);
  // a b c d: the even lanes of both halves, interleaved.
  _mm_storeu_ps(sums, _mm_blend_ps(low, _mm_moveldup_ps(high), 0xa));
}

JG_INLINE float MaxAcross256(__m256 v) {
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

}  // namespace jangle::JG_TIER_NS
