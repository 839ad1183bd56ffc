// What products of plain matrices are made of: a tile of kTileRows x kTileColumns outputs that stay
// in registers, and the panels that it reads. Each output is one accumulator, fma over k ascending
// from 0, wherever it stands in its tile; a tile at an edge computes outputs that nobody stores.
//
// The right operand b lies in panels of kTileColumns columns, [k][kTileColumns], zero beyond the
// last column. The left operand is read as it is, a row at a time, or from panels of kTileRows
// rows, [k][kTileRows], zero beyond the last row.
#pragma once

#include <cstdint>
#include <cstring>

#include "simd.h"
#include "transpose.h"

namespace jangle::JG_TIER_NS {

// Accumulators, the columns and one broadcast fill 16 registers, or 27 of AVX-512's 32.
inline constexpr int kTileRows = kLanes == 16 ? 12 : 6;
inline constexpr int kTileColumns = 2 * kLanes;

constexpr int64_t RowPanels(int64_t rows) { return (rows + kTileRows - 1) / kTileRows; }
constexpr int64_t ColumnPanels(int64_t columns) {
  return (columns + kTileColumns - 1) / kTileColumns;
}

// The rows of a tile, in memory as they are. Rows from `rows` on repeat the last one.
struct PlainRows {
  const float* row[kTileRows];

  __attribute__((always_inline)) PlainRows(const float* a, int64_t lda, int64_t rows) {
    for (int r = 0; r < kTileRows; r++) row[r] = a + (r < rows ? r : rows - 1) * lda;
  }
  __attribute__((always_inline)) float At(int r, int64_t k) const { return row[r][k]; }
};

// A panel of packed rows.
struct PanelRows {
  const float* panel;

  __attribute__((always_inline)) float At(int r, int64_t k) const {
    return panel[k * kTileRows + r];
  }
};

// What a tile does with the sums: c = alpha * sum (+ c); its first `rows` x `columns` exist.
struct TileTarget {
  float* c;
  int64_t ldc;
  int64_t rows, columns;
  float alpha;
  bool accumulate;
};

JG_INLINE F32 TileResult(F32 sum, F32 alpha, F32 before, bool accumulate) {
  return accumulate ? Fma(alpha, sum, before) : Mul(alpha, sum);
}

JG_INLINE void StoreTile(const F32 (&sum)[kTileRows][2], const TileTarget& target) {
  const F32 alpha = Set(target.alpha);
  const int rows = static_cast<int>(target.rows < kTileRows ? target.rows : kTileRows);
#pragma GCC unroll 12
  for (int r = 0; r < kTileRows; r++) {
    if (r >= rows) break;
    float* c = target.c + r * target.ldc;
#pragma GCC unroll 2
    for (int v = 0; v < 2; v++, c += kLanes) {
      const int64_t columns = target.columns - v * kLanes;
      if (columns >= kLanes) {
        const F32 before = target.accumulate ? Load(c) : Zero();
        Store(c, TileResult(sum[r][v], alpha, before, target.accumulate));
      } else if (columns > 0) {
        const int part = static_cast<int>(columns);
        const F32 before = target.accumulate ? LoadPart(c, part) : Zero();
        StorePart(c, TileResult(sum[r][v], alpha, before, target.accumulate), part);
      }
    }
  }
}

// One tile over k products; b is a panel.
template <typename Rows>
JG_INLINE void Tile(int64_t k, const Rows& a, const float* b, const TileTarget& target) {
  F32 sum[kTileRows][2];
#pragma GCC unroll 12
  for (int r = 0; r < kTileRows; r++) {
    sum[r][0] = sum[r][1] = Zero();
    if (r < target.rows) {
      const float* c = target.c + r * target.ldc;
      __builtin_prefetch(c);
      __builtin_prefetch(c + kTileColumns - 1);
    }
  }
#pragma GCC unroll 4
  for (int64_t i = 0; i < k; i++) {
    const F32 b0 = Load(b + i * kTileColumns);
    const F32 b1 = Load(b + i * kTileColumns + kLanes);
#pragma GCC unroll 12
    for (int r = 0; r < kTileRows; r++) {
      const F32 x = Set(a.At(r, i));
      sum[r][0] = Fma(x, b0, sum[r][0]);
      sum[r][1] = Fma(x, b1, sum[r][1]);
    }
  }
  StoreTile(sum, target);
}

// Packs `columns` columns (at most kTileColumns) of b [k][n] into a panel.
inline void PackColumns(const float* b, int64_t ldb, int64_t k, int64_t columns, float* panel) {
  for (int64_t i = 0; i < k; i++, b += ldb, panel += kTileColumns) {
    if (columns >= kTileColumns) {
      Store(panel, Load(b));
      Store(panel + kLanes, Load(b + kLanes));
    } else {
      for (int64_t j = 0; j < kTileColumns; j++) panel[j] = j < columns ? b[j] : 0.0f;
    }
  }
}

// The same of b stored transposed, [n][k].
inline void PackColumnsTransposed(const float* b, int64_t ldb, int64_t k, int64_t columns,
                                  float* panel) {
  if (columns > kTileColumns) columns = kTileColumns;
  if (columns < kTileColumns) memset(panel, 0, sizeof(float) * kTileColumns * k);
  Transpose(b, ldb, columns, k, panel, kTileColumns);
}

// Packs `rows` rows (at most kTileRows) of a [m][k] into a panel.
inline void PackRows(const float* a, int64_t lda, int64_t k, int64_t rows, float* panel) {
  int64_t i = 0;
  if (rows >= kTileRows) {
    rows = kTileRows;
#if JG_VECTOR_BITS >= 256
    // Blocks of 8 x 8. With 12 rows they are rows 4 to 11 and 0 to 7. With 6 a block's last two
    // rows repeat the sixth and go where the next k belongs, which is written after it; so the last
    // few k are left to the loop below.
    for (; i + 8 < k; i += 8) {
      if constexpr (kTileRows > 8) {
        TransposeBlock(a + 4 * lda + i, lda, panel + i * kTileRows + 4, kTileRows);
        TransposeBlock(a + i, lda, panel + i * kTileRows, kTileRows);
      } else {
        TransposeRows(a + i, lda, kTileRows, panel + i * kTileRows, kTileRows);
      }
    }
#endif
  } else {
    memset(panel, 0, sizeof(float) * kTileRows * k);
  }
  for (; i < k; i++) {
    for (int64_t r = 0; r < rows; r++) panel[i * kTileRows + r] = a[r * lda + i];
  }
}

// Packs `rows` rows (at most kTileRows) of a stored transposed, [k][m], into a panel.
inline void PackRowsTransposed(const float* a, int64_t lda, int64_t k, int64_t rows, float* panel) {
  for (int64_t i = 0; i < k; i++, a += lda, panel += kTileRows) {
    if (rows >= kTileRows) {
      memcpy(panel, a, sizeof(float) * kTileRows);
    } else {
      for (int64_t j = 0; j < kTileRows; j++) panel[j] = j < rows ? a[j] : 0.0f;
    }
  }
}

}  // namespace jangle::JG_TIER_NS
