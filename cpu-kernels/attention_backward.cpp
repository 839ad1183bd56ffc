// Gradients of attention_forward.cpp, without atomics, in two passes that each compute the weights
// p_ij = exp(scale q_i k_j - lse_i), or 0 in row i's gap, again:
//   delta_i = sum of out_i dout_i
//   ds_ij = p_ij (dout_i v_j - delta_i)
//   dq_i = scale * sum_j ds_ij k_j                        by blocks of queries
//   dv_j = sum_i p_ij dout_i,  dk_j = scale * sum_i ds_ij q_i   by blocks of keys
// Order of arithmetic: a dot product over head_dim has one accumulator, fma, ascending; delta goes
// by row_sum.h; a sum over keys or queries has one accumulator, fma, ascending over the sample; dk
// and dv add the query heads of their group in ascending order.
//
// Scratch: panels of all heads (attention_packed.h), lse and delta by [heads][rows], then the
// workers' two blocks of 24 x rows.
#include <cstring>

#include "attention_packed.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

struct Layout {
  explicit Layout(const AttentionBackwardArgs& a)
      : transposed(TransposedFloats(a.rows, a.head_dim)),
        plain(PlainFloats(a.rows, a.head_dim)),
        ldw(PanelRowsUp(a.rows)) {
    float* next = static_cast<float*>(a.scratch);
    const auto take = [&next](int64_t floats) {
      float* taken = next;
      next += floats;
      return taken;
    };
    k_transposed = take(a.kv_heads * transposed);
    v_transposed = take(a.kv_heads * transposed);
    k_plain = take(a.kv_heads * plain);
    q_transposed = take(a.heads * transposed);
    dout_transposed = take(a.heads * transposed);
    q_plain = take(a.heads * plain);
    dout_plain = take(a.heads * plain);
    lse = take(a.heads * ldw);
    delta = take(a.heads * ldw);
    workers = next;
  }
  float* Worker(int64_t worker) const { return workers + worker * 2 * kBlockRows * ldw; }

  int64_t transposed, plain, ldw;  // floats of a head's panels, of a row
  float* k_transposed;
  float* v_transposed;
  float* k_plain;
  float* q_transposed;
  float* dout_transposed;
  float* q_plain;
  float* dout_plain;
  float* lse;    // [heads][ldw]
  float* delta;  // [heads][ldw]
  float* workers;
};

// dq of rows [row, end) of one sample, one query head. p, dp: blocks of [24][ldw].
void QueryBlock(const AttentionBackwardArgs& a, const Layout& s, int64_t head, int64_t row,
                int64_t end, float* p, float* dp) {
  const int64_t kv_head = head / (a.heads / a.kv_heads);
  const int64_t column = head * a.head_dim;
  const int64_t first = SampleStart(a.start, row);
  Scores(a.q + column, a.ldq, row, end, s.k_transposed + kv_head * s.transposed, a.head_dim, first,
         end, a.scale, true, p, s.ldw);
  Scores(a.dout + column, a.ldout, row, end, s.v_transposed + kv_head * s.transposed, a.head_dim,
         first, end, 1.0f, true, dp, s.ldw);
  p += first % kTileColumns;
  dp += first % kTileColumns;
  for (int64_t i = row; i < end; i += kTileRows) {
    const int64_t count = end - i < kTileRows ? end - i : kTileRows;
    for (int64_t r = 0; r < count; r++) {
      float* weights = p + (i - row + r) * s.ldw;
      const float* slopes = dp + (i - row + r) * s.ldw;
      const F32 lse = Set(s.lse[head * s.ldw + i + r]);
      const F32 delta = Set(s.delta[head * s.ldw + i + r]);
      const int64_t keys = i + r + 1 - first;
      ForLanes(keys, [=](int64_t j, int lanes) {
        const F32 weight = Exp(Sub(LoadLanes(weights + j, lanes), lse));
        StoreLanes(weights + j, Mul(weight, Sub(LoadLanes(slopes + j, lanes), delta)), lanes);
      });
      const Gap gap = GapOf(a.gaps, first, i + r);
      for (int64_t j = gap.begin; j < gap.end; j++) weights[j - first] = 0;
      for (int64_t j = keys; j < i + count - first; j++) weights[j] = 0;
    }
    WeightedSum(p + (i - row) * s.ldw, s.ldw, count, s.k_plain + kv_head * s.plain, a.rows,
                a.head_dim, first, i + count, a.scale, false, a.dq + i * a.ldq + column, a.ldq);
  }
}

// dk and dv of rows [row, end) of one sample, which ends at row `last`; one head of keys.
void KeyBlock(const AttentionBackwardArgs& a, const Layout& s, int64_t kv_head, int64_t row,
              int64_t end, int64_t last, float* p, float* dp) {
  const int64_t column = kv_head * a.head_dim;
  const int64_t group = a.heads / a.kv_heads;
  // Column 0 of the blocks is this row.
  const int64_t base = row / kTileColumns * kTileColumns;
  const int64_t first = SampleStart(a.start, row);
  for (int64_t head = kv_head * group; head < (kv_head + 1) * group; head++) {
    Scores(a.k + column, a.ldkv, row, end, s.q_transposed + head * s.transposed, a.head_dim, row,
           last, a.scale, false, p, s.ldw);
    Scores(a.v + column, a.ldkv, row, end, s.dout_transposed + head * s.transposed, a.head_dim, row,
           last, 1.0f, false, dp, s.ldw);
    const float* lse = s.lse + head * s.ldw;
    const float* delta = s.delta + head * s.ldw;
    const bool accumulate = head > kv_head * group;
    for (int64_t j = row; j < end; j += kTileRows) {
      const int64_t count = end - j < kTileRows ? end - j : kTileRows;
      for (int64_t r = 0; r < count; r++) {
        // From here on by row of queries.
        float* weights = p + (j - row + r) * s.ldw - base;
        float* slopes = dp + (j - row + r) * s.ldw - base;
        for (int64_t i = j; i < j + r; i++) weights[i] = slopes[i] = 0;
        const int64_t from = j + r;
        ForLanes(last - from, [=](int64_t at, int lanes) {
          const int64_t i = from + at;
          const F32 weight = Exp(Sub(LoadLanes(weights + i, lanes), LoadLanes(lse + i, lanes)));
          const F32 slope = Sub(LoadLanes(slopes + i, lanes), LoadLanes(delta + i, lanes));
          StoreLanes(weights + i, weight, lanes);
          StoreLanes(slopes + i, Mul(weight, slope), lanes);
        });
        for (int64_t i = from; a.gaps != nullptr && i < last; i++) {
          const Gap gap = GapOf(a.gaps, first, i);
          if (gap.begin <= from && from < gap.end) weights[i] = slopes[i] = 0;
        }
      }
      const int64_t at = (j - row) * s.ldw + j - base;
      WeightedSum(p + at, s.ldw, count, s.dout_plain + head * s.plain, a.rows, a.head_dim, j, last,
                  1.0f, accumulate, a.dv + j * a.ldkv + column, a.ldkv);
      WeightedSum(dp + at, s.ldw, count, s.q_plain + head * s.plain, a.rows, a.head_dim, j, last,
                  a.scale, accumulate, a.dk + j * a.ldkv + column, a.ldkv);
    }
  }
}

}  // namespace

int64_t AttentionBackwardScratchBytes(int64_t rows, int64_t heads, int64_t kv_heads,
                                      int64_t head_dim, int64_t workers) {
  const int64_t floats = (2 * kv_heads + 2 * heads) * TransposedFloats(rows, head_dim) +
                         (kv_heads + 2 * heads) * PlainFloats(rows, head_dim) +
                         (2 * heads + workers * 2 * kBlockRows) * PanelRowsUp(rows);
  return floats * static_cast<int64_t>(sizeof(float));
}

void AttentionBackwardPack(const AttentionBackwardArgs& a, int64_t begin, int64_t end) {
  const Layout s(a);
  const int64_t dim = a.head_dim;
  for (int64_t panel = begin; panel < end; panel++) {
    for (int64_t head = 0; head < a.kv_heads; head++) {
      const int64_t at = head * dim;
      PackTransposed(a.k + at, a.ldkv, a.rows, dim, panel, s.k_transposed + head * s.transposed);
      PackTransposed(a.v + at, a.ldkv, a.rows, dim, panel, s.v_transposed + head * s.transposed);
      PackPlain(a.k + at, a.ldkv, a.rows, dim, panel, s.k_plain + head * s.plain);
    }
    for (int64_t head = 0; head < a.heads; head++) {
      const int64_t at = head * dim;
      PackTransposed(a.q + at, a.ldq, a.rows, dim, panel, s.q_transposed + head * s.transposed);
      PackTransposed(a.dout + at, a.ldout, a.rows, dim, panel,
                     s.dout_transposed + head * s.transposed);
      PackPlain(a.q + at, a.ldq, a.rows, dim, panel, s.q_plain + head * s.plain);
      PackPlain(a.dout + at, a.ldout, a.rows, dim, panel, s.dout_plain + head * s.plain);
      for (int64_t i = panel * kTileColumns; i < a.rows && i < (panel + 1) * kTileColumns; i++) {
        const float* out = a.out + i * a.ldout + at;
        const float* dout = a.dout + i * a.ldout + at;
        s.lse[head * s.ldw + i] = a.lse[i * a.heads + head];
        s.delta[head * s.ldw + i] = SumRow(dim, [=](int64_t d, int lanes, F32 sum) {
          return Fma(LoadLanes(out + d, lanes), LoadLanes(dout + d, lanes), sum);
        });
      }
    }
  }
}

void AttentionBackwardQueries(const AttentionBackwardArgs& a, int64_t begin, int64_t end,
                              int64_t worker) {
  const Layout s(a);
  float* p = s.Worker(worker);
  for (int64_t item = begin; item < end; item++) {
    // The last blocks, which have the most keys, first.
    const int64_t block = RowBlocks(a.rows) - 1 - item / a.heads;
    const int64_t last = (block + 1) * kBlockRows < a.rows ? (block + 1) * kBlockRows : a.rows;
    for (int64_t row = block * kBlockRows; row < last;) {
      const int64_t run_end = SampleEnd(a.start, row, row, last);
      QueryBlock(a, s, item % a.heads, row, run_end, p, p + kBlockRows * s.ldw);
      row = run_end;
    }
  }
}

void AttentionBackwardKeys(const AttentionBackwardArgs& a, int64_t begin, int64_t end,
                           int64_t worker) {
  const Layout s(a);
  float* p = s.Worker(worker);
  for (int64_t item = begin; item < end; item++) {
    const int64_t block = item / a.kv_heads;
    const int64_t last = (block + 1) * kBlockRows < a.rows ? (block + 1) * kBlockRows : a.rows;
    for (int64_t row = block * kBlockRows; row < last;) {
      const int64_t run_end = SampleEnd(a.start, row, row, last);
      const int64_t sample_end = SampleEnd(a.start, row, run_end, a.rows);
      KeyBlock(a, s, item % a.kv_heads, row, run_end, sample_end, p, p + kBlockRows * s.ldw);
      row = run_end;
    }
  }
}

}  // namespace jangle::JG_TIER_NS
