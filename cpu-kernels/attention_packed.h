// What the attention of training, forward and backward, have in common: the rows of packed samples,
// the panels that its products read, and the scratch they lie in.
//
// An item is a head and a block of kBlockRows rows. A block is cut into runs of rows of one sample;
// a run meets only rows of its own sample, so samples cannot reach each other.
#pragma once

#include <cstdint>

#include "gemm_tile.h"
#include "row_sum.h"

namespace jangle::JG_TIER_NS {

inline constexpr int64_t kBlockRows = 24;  // whole tiles in every tier

inline int64_t RowBlocks(int64_t rows) { return (rows + kBlockRows - 1) / kBlockRows; }
// Rows up to a whole number of column panels.
inline int64_t PanelRowsUp(int64_t rows) { return ColumnPanels(rows) * kTileColumns; }

// The first row of row i's sample; what does not lie in [0, i] counts as the nearest that does.
inline int64_t SampleStart(const int32_t* start, int64_t i) {
  return start[i] < 0 ? 0 : start[i] > i ? i : start[i];
}
// The first row from `row` on, below `end`, that is of another sample than row `first`.
inline int64_t SampleEnd(const int32_t* start, int64_t first, int64_t row, int64_t end) {
  const int64_t sample = SampleStart(start, first);
  while (row < end && SampleStart(start, row) == sample) row++;
  return row;
}

// The rows of its sample, which begins at row `first`, that row i does not attend; none where end
// <= begin.
struct Gap {
  int64_t begin, end;
};
inline Gap GapOf(const int32_t* gaps, int64_t first, int64_t i) {
  if (gaps == nullptr) return {0, 0};
  return {gaps[2 * i] < first ? first : gaps[2 * i], gaps[2 * i + 1] < i ? gaps[2 * i + 1] : i};
}

// The columns of one head of a matrix [rows][heads * head_dim], in two kinds of panels:
//   transposed  an operand [head_dim][rows]: [panels of rows][head_dim][kTileColumns]
//   plain       an operand [rows][head_dim]: [panels of head_dim][rows][kTileColumns]
// Both are packed a panel of rows at a time.
inline int64_t TransposedFloats(int64_t rows, int64_t head_dim) {
  return PanelRowsUp(rows) * head_dim;
}
inline int64_t PlainFloats(int64_t rows, int64_t head_dim) {
  return ColumnPanels(head_dim) * kTileColumns * rows;
}
inline void PackTransposed(const float* x, int64_t ld, int64_t rows, int64_t head_dim,
                           int64_t panel, float* to) {
  const int64_t first = panel * kTileColumns;
  PackColumnsTransposed(x + first * ld, ld, head_dim, rows - first, to + first * head_dim);
}
inline void PackPlain(const float* x, int64_t ld, int64_t rows, int64_t head_dim, int64_t panel,
                      float* to) {
  const int64_t first = panel * kTileColumns;
  const int64_t count = rows - first < kTileColumns ? rows - first : kTileColumns;
  for (int64_t j = 0; j < head_dim; j += kTileColumns) {
    PackColumns(x + first * ld + j, ld, count, head_dim - j, to + j * rows + first * kTileColumns);
  }
}

// Rows [row, row_end) of a head by the panels of rows [first, last) of another, over head_dim:
// c[i][j - first / kTileColumns * kTileColumns] = scale * dot. `lower`: only j <= i are wanted;
// else only j >= i. Tiles without any are left out.
inline void Scores(const float* x, int64_t ld, int64_t row, int64_t row_end, const float* panels,
                   int64_t head_dim, int64_t first, int64_t last, float scale, bool lower, float* c,
                   int64_t ldc) {
  for (int64_t p = first / kTileColumns; p * kTileColumns < last; p++, c += kTileColumns) {
    for (int64_t i = row; i < row_end; i += kTileRows) {
      const int64_t i_last = i + kTileRows - 1;
      const int64_t j_last = p * kTileColumns + kTileColumns - 1;
      if (lower ? p * kTileColumns > i_last : j_last < i) continue;
      const TileTarget target = {c + (i - row) * ldc, ldc, row_end - i, kTileColumns, scale, false};
      Tile(head_dim, PlainRows(x + i * ld, ld, row_end - i), panels + p * head_dim * kTileColumns,
           target);
    }
  }
}

// Rows of weights by a head's plain panels, over rows [first, last) of that head:
// c[0..count)[0..head_dim) = scale * sum_j w[.][j - first] * x[j] (+ c).
inline void WeightedSum(const float* w, int64_t ldw, int64_t count, const float* panels,
                        int64_t rows, int64_t head_dim, int64_t first, int64_t last, float scale,
                        bool accumulate, float* c, int64_t ldc) {
  for (int64_t j = 0; j < head_dim; j += kTileColumns) {
    const TileTarget target = {c + j, ldc, count, head_dim - j, scale, accumulate};
    Tile(last - first, PlainRows(w, ldw, count), panels + j * rows + first * kTileColumns, target);
  }
}

}  // namespace jangle::JG_TIER_NS
