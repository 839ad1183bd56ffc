// Causal grouped-query attention over packed samples, for training; every row attends its own
// sample up to itself, but for the row's gap. Besides the output it keeps the logarithm of each
// row's sum of exponentials.
//
// Order of arithmetic, per row and query head, over the keys of its sample in ascending order:
//   score   one accumulator over head_dim, fma, ascending; times scale; -inf in the gap
//   m       the largest score;  w = exp(score - m);  l = sum of w (row_sum.h);  lse = m + ln l
//   out     one accumulator over keys, fma, ascending; divided by l
// A block of 24 rows takes all its keys at once, so there is nothing to merge: its scores are at
// most 24 x rows floats, in the worker's part of the scratch.
//
// Scratch: keys transposed and values plain (attention_packed.h), each by head; then the workers'.
#include <cmath>

#include "attention_packed.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

struct Layout {
  explicit Layout(const AttentionForwardArgs& a)
      : k(static_cast<float*>(a.scratch)),
        v(k + a.kv_heads * TransposedFloats(a.rows, a.head_dim)),
        workers(v + a.kv_heads * PlainFloats(a.rows, a.head_dim)) {}
  float* k;
  float* v;
  float* workers;
};

// Scores of one row become weights, not yet divided by their sum, which is returned with the
// largest score. Weights from `count` up to `padded` become 0.
float Softmax(float* w, int64_t count, int64_t padded, float* largest) {
  const float m = MaxOfRow(w, count);
  const float sum = SumRow(count, [=](int64_t i, int lanes, F32 total) {
    StoreLanes(w + i, Exp(Sub(LoadLanes(w + i, lanes), Set(m))), lanes);
    return Add(total, LoadLanes(w + i, lanes));
  });
  for (int64_t i = count; i < padded; i++) w[i] = 0;
  *largest = m;
  return sum;
}

// Rows [row, end) of one sample, one query head.
void Attend(const AttentionForwardArgs& a, int64_t head, int64_t row, int64_t end, float* w) {
  const Layout layout(a);
  const int64_t kv_head = head / (a.heads / a.kv_heads);
  const float* k = layout.k + kv_head * TransposedFloats(a.rows, a.head_dim);
  const float* v = layout.v + kv_head * PlainFloats(a.rows, a.head_dim);
  const int64_t first = SampleStart(a.start, row);
  const int64_t ldw = PanelRowsUp(a.rows);
  const int64_t column = head * a.head_dim;
  Scores(a.q + column, a.ldq, row, end, k, a.head_dim, first, end, a.scale, true, w, ldw);
  w += first % kTileColumns;
  for (int64_t i = row; i < end; i += kTileRows) {
    const int64_t count = end - i < kTileRows ? end - i : kTileRows;
    float* tile = w + (i - row) * ldw;
    float sum[kTileRows];
    for (int64_t r = 0; r < count; r++) {
      const Gap gap = GapOf(a.gaps, first, i + r);
      for (int64_t j = gap.begin; j < gap.end; j++) tile[r * ldw + j - first] = -INFINITY;
      float largest;
      sum[r] = Softmax(tile + r * ldw, i + r + 1 - first, i + count - first, &largest);
      a.lse[(i + r) * a.heads + head] = largest + __builtin_logf(sum[r]);
    }
    float* out = a.out + i * a.ldout + column;
    WeightedSum(tile, ldw, count, v, a.rows, a.head_dim, first, i + count, 1.0f, false, out,
                a.ldout);
    for (int64_t r = 0; r < count; r++) {
      float* o = out + r * a.ldout;
      const F32 l = Set(sum[r]);
      ForLanes(a.head_dim, [=](int64_t j, int lanes) {
        StoreLanes(o + j, Div(LoadLanes(o + j, lanes), l), lanes);
      });
    }
  }
}

}  // namespace

int64_t AttentionForwardScratchBytes(int64_t rows, int64_t kv_heads, int64_t head_dim,
                                     int64_t workers) {
  const int64_t floats =
      kv_heads * (TransposedFloats(rows, head_dim) + PlainFloats(rows, head_dim)) +
      workers * kBlockRows * PanelRowsUp(rows);
  return floats * static_cast<int64_t>(sizeof(float));
}

int64_t AttentionPackItems(int64_t rows) { return ColumnPanels(rows); }

void AttentionForwardPack(const AttentionForwardArgs& a, int64_t begin, int64_t end) {
  const Layout layout(a);
  for (int64_t panel = begin; panel < end; panel++) {
    for (int64_t head = 0; head < a.kv_heads; head++) {
      PackTransposed(a.k + head * a.head_dim, a.ldkv, a.rows, a.head_dim, panel,
                     layout.k + head * TransposedFloats(a.rows, a.head_dim));
      PackPlain(a.v + head * a.head_dim, a.ldkv, a.rows, a.head_dim, panel,
                layout.v + head * PlainFloats(a.rows, a.head_dim));
    }
  }
}

int64_t AttentionBlocks(int64_t rows) { return RowBlocks(rows); }

void AttentionForward(const AttentionForwardArgs& a, int64_t begin, int64_t end, int64_t worker) {
  float* w = Layout(a).workers + worker * kBlockRows * PanelRowsUp(a.rows);
  for (int64_t item = begin; item < end; item++) {
    // The last blocks, which have the most keys, first.
    const int64_t block = RowBlocks(a.rows) - 1 - item / a.heads;
    const int64_t last = (block + 1) * kBlockRows < a.rows ? (block + 1) * kBlockRows : a.rows;
    for (int64_t row = block * kBlockRows; row < last;) {
      const int64_t run_end = SampleEnd(a.start, row, row, last);
      Attend(a, item % a.heads, row, run_end, w);
      row = run_end;
    }
  }
}

}  // namespace jangle::JG_TIER_NS
