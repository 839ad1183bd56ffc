// to[j][i] = from[i][j] for a block of matrix, i < rows, j < columns.
#pragma once

#include <cstdint>

#include "simd.h"

namespace jangle::JG_TIER_NS {

#if JG_VECTOR_BITS >= 256
// A block of 8 x 8: pairs of rows, then pairs of pairs, then halves.
// Rows from `rows` on repeat the last one.
JG_INLINE void TransposeRows(const float* from, int64_t ldfrom, int rows, float* to, int64_t ldto) {
  __m256 r[8];
  __m256 t[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(from + (i < rows ? i : rows - 1) * ldfrom);
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  // In ascending order, so that a caller may let a row run into the next one.
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    _mm256_storeu_ps(to + i * ldto, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    _mm256_storeu_ps(to + (i + 4) * ldto, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}
JG_INLINE void TransposeBlock(const float* from, int64_t ldfrom, float* to, int64_t ldto) {
  TransposeRows(from, ldfrom, 8, to, ldto);
}
inline constexpr int64_t kTransposeBlock = 8;
#else
JG_INLINE void TransposeBlock(const float* from, int64_t ldfrom, float* to, int64_t ldto) {
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 4; j++) to[j * ldto + i] = from[i * ldfrom + j];
  }
}
inline constexpr int64_t kTransposeBlock = 4;
#endif

inline void Transpose(const float* from, int64_t ldfrom, int64_t rows, int64_t columns, float* to,
                      int64_t ldto) {
  constexpr int64_t kBlock = kTransposeBlock;
  const int64_t whole_rows = rows / kBlock * kBlock;
  const int64_t whole_columns = columns / kBlock * kBlock;
  for (int64_t j = 0; j < whole_columns; j += kBlock) {
    for (int64_t i = 0; i < whole_rows; i += kBlock) {
      TransposeBlock(from + i * ldfrom + j, ldfrom, to + j * ldto + i, ldto);
    }
  }
  for (int64_t i = 0; i < rows; i++) {
    const int64_t first = i < whole_rows ? whole_columns : 0;
    for (int64_t j = first; j < columns; j++) to[j * ldto + i] = from[i * ldfrom + j];
  }
}

}  // namespace jangle::JG_TIER_NS
