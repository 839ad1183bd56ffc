// Product of plain matrices, jg_gemm: c = alpha * op(a) * op(b) (+ c), for many rows.
//
// Order of arithmetic: k is cut into blocks that depend on k alone (GemmBlocks); within a block
// each output is one accumulator, fma over k ascending from 0; then c = fma(alpha, sum, c), blocks
// in ascending order, the first one c = alpha * sum where the product does not accumulate. So
// neither the threads nor m and n change a bit.
//
// Blocking. A panel of 16 columns of b by one block of k stays in L1 while all rows of a pass by
// (gemm_tile.h). The operand with fewer rows or columns is shared by all work items: b is packed
// into panels first, a only where it is stored transposed, in stages of as many blocks of k as fit
// kStageBytes. The other operand is packed by each item for itself, a few panels by one block of k
// at a time, into a buffer of its worker that stays in L2.
#include "gemm_tile.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

// The largest block of k: its panel of columns, 20 or 24 KiB, leaves room in 32 KiB of L1.
constexpr int64_t kDepth = kLanes == 16 ? 192 : 320;
// Panels that an item packs at a time.
constexpr int64_t kOwnColumnPanels = 8;
constexpr int64_t kOwnRowPanels = kLanes == 16 ? 8 : 16;
// What a stage's shared operand may take: a part of a last-level cache.
constexpr int64_t kStageBytes = 8 << 20;

constexpr int64_t Max64(int64_t a, int64_t b) { return a > b ? a : b; }
constexpr int64_t Min64(int64_t a, int64_t b) { return a < b ? a : b; }

constexpr int64_t kOwnFloats =
    kDepth * Max64(kOwnColumnPanels * kTileColumns, kOwnRowPanels* kTileRows);

// The blocks of k: as few as kDepth allows, as equal as can be.
struct GemmBlocks {
  explicit GemmBlocks(int64_t k_) : k(k_), count((k_ + kDepth - 1) / kDepth) {}
  int64_t Begin(int64_t block) const { return k * block / count; }
  int64_t k;
  int64_t count;
};

// Rows that are contiguous in k need no panels where few columns would use them.
bool PacksRows(const GemmArgs& g) { return g.transpose_a || ColumnPanels(g.n) > 4; }

bool SharesRows(int64_t m, int64_t n) { return m <= n; }

// Rows or columns of the shared operand, rounded up to whole panels.
int64_t SharedWidth(int64_t m, int64_t n) {
  return SharesRows(m, n) ? RowPanels(m) * kTileRows : ColumnPanels(n) * kTileColumns;
}

int64_t StageBlocks(int64_t m, int64_t n, int64_t k) {
  const int64_t block_bytes = SharedWidth(m, n) * kDepth * static_cast<int64_t>(sizeof(float));
  return Min64(GemmBlocks(k).count, Max64(1, kStageBytes / block_bytes));
}

int64_t SharedFloats(int64_t m, int64_t n, int64_t k) {
  const int64_t floats = SharedWidth(m, n) * Min64(k, StageBlocks(m, n, k) * kDepth);
  return (floats + 15) / 16 * 16;
}

float* Shared(const GemmArgs& g) { return static_cast<float*>(g.scratch); }
float* Own(const GemmArgs& g, int64_t worker) {
  return Shared(g) + SharedFloats(g.m, g.n, g.k) + worker * kOwnFloats;
}

void PackColumnPanel(const GemmArgs& g, int64_t panel, int64_t k_begin, int64_t k_end, float* to) {
  const int64_t j = panel * kTileColumns;
  if (g.transpose_b) {
    PackColumnsTransposed(g.b + j * g.ldb + k_begin, g.ldb, k_end - k_begin, g.n - j, to);
  } else {
    PackColumns(g.b + k_begin * g.ldb + j, g.ldb, k_end - k_begin, g.n - j, to);
  }
}

void PackRowPanel(const GemmArgs& g, int64_t panel, int64_t k_begin, int64_t k_end, float* to) {
  const int64_t i = panel * kTileRows;
  if (g.transpose_a) {
    PackRowsTransposed(g.a + k_begin * g.lda + i, g.lda, k_end - k_begin, g.m - i, to);
  } else {
    PackRows(g.a + i * g.lda + k_begin, g.lda, k_end - k_begin, g.m - i, to);
  }
}

// Row panels [row, row_end) by column panels [column, column_end) over one block of k. `a`: the
// packed row panels, from panel `row` on, where a is transposed; `b`: from panel `column` on.
void Panels(const GemmArgs& g, int64_t k_begin, int64_t k_end, int64_t row, int64_t row_end,
            const float* a, int64_t column, int64_t column_end, const float* b) {
  const int64_t k = k_end - k_begin;
  for (int64_t q = column; q < column_end; q++, b += k * kTileColumns) {
    const float* panel = a;
    for (int64_t p = row; p < row_end; p++, panel += k * kTileRows) {
      const int64_t i = p * kTileRows;
      const int64_t j = q * kTileColumns;
      const TileTarget target = {g.c + i * g.ldc + j,        g.ldc, g.m - i, g.n - j, g.alpha,
                                 g.accumulate || k_begin > 0};
      if (PacksRows(g)) {
        Tile(k, PanelRows{panel}, b, target);
      } else {
        Tile(k, PlainRows(g.a + i * g.lda + k_begin, g.lda, g.m - i), b, target);
      }
    }
  }
}

}  // namespace

// A bound of SharedFloats that does not fall where m, n or k grow, as that may: a stage takes no
// more than kStageBytes, or one block of k.
int64_t GemmScratchBytes(int64_t m, int64_t n, int64_t k, int64_t workers) {
  const int64_t width = Min64(m, n) + Max64(kTileRows, kTileColumns);
  const int64_t stage =
      Max64(kStageBytes / static_cast<int64_t>(sizeof(float)), width * Min64(k, kDepth));
  const int64_t shared = (Min64(width * k, stage) + 15) / 16 * 16;
  return (shared + workers * kOwnFloats) * static_cast<int64_t>(sizeof(float));
}

int64_t GemmStages(const GemmArgs& g) {
  const int64_t blocks = StageBlocks(g.m, g.n, g.k);
  return (GemmBlocks(g.k).count + blocks - 1) / blocks;
}

int64_t GemmSharedItems(const GemmArgs& g) {
  if (!SharesRows(g.m, g.n)) return ColumnPanels(g.n);
  return PacksRows(g) ? RowPanels(g.m) : 0;
}

int64_t GemmItems(const GemmArgs& g) {
  return SharesRows(g.m, g.n) ? ColumnPanels(g.n) : RowPanels(g.m);
}

void GemmPack(const GemmArgs& g, int64_t stage, int64_t begin, int64_t end) {
  const GemmBlocks blocks(g.k);
  const int64_t first = stage * StageBlocks(g.m, g.n, g.k);
  const int64_t last = Min64(blocks.count, first + StageBlocks(g.m, g.n, g.k));
  const int64_t width = SharedWidth(g.m, g.n);
  const bool rows = SharesRows(g.m, g.n);
  for (int64_t block = first; block < last; block++) {
    const int64_t k_begin = blocks.Begin(block);
    const int64_t k_end = blocks.Begin(block + 1);
    // Blocks one after the other, the panels of each side by side.
    float* to = Shared(g) + (k_begin - blocks.Begin(first)) * width;
    for (int64_t panel = begin; panel < end; panel++) {
      if (rows) {
        PackRowPanel(g, panel, k_begin, k_end, to + panel * kTileRows * (k_end - k_begin));
      } else {
        PackColumnPanel(g, panel, k_begin, k_end, to + panel * kTileColumns * (k_end - k_begin));
      }
    }
  }
}

void Gemm(const GemmArgs& g, int64_t stage, int64_t begin, int64_t end, int64_t worker) {
  const GemmBlocks blocks(g.k);
  const int64_t first = stage * StageBlocks(g.m, g.n, g.k);
  const int64_t last = Min64(blocks.count, first + StageBlocks(g.m, g.n, g.k));
  const int64_t width = SharedWidth(g.m, g.n);
  const bool shares_rows = SharesRows(g.m, g.n);
  const int64_t most = shares_rows ? kOwnColumnPanels : kOwnRowPanels;
  float* own = Own(g, worker);
  for (int64_t item = begin; item < end; item += most) {
    const int64_t item_end = Min64(end, item + most);
    for (int64_t block = first; block < last; block++) {
      const int64_t k_begin = blocks.Begin(block);
      const int64_t k_end = blocks.Begin(block + 1);
      const int64_t k = k_end - k_begin;
      const float* shared = Shared(g) + (k_begin - blocks.Begin(first)) * width;
      if (shares_rows) {
        for (int64_t p = item; p < item_end; p++) {
          PackColumnPanel(g, p, k_begin, k_end, own + (p - item) * kTileColumns * k);
        }
        Panels(g, k_begin, k_end, 0, RowPanels(g.m), shared, item, item_end, own);
      } else {
        for (int64_t p = item; PacksRows(g) && p < item_end; p++) {
          PackRowPanel(g, p, k_begin, k_end, own + (p - item) * kTileRows * k);
        }
        Panels(g, k_begin, k_end, item, item_end, own, 0, ColumnPanels(g.n), shared);
      }
    }
  }
}

}  // namespace jangle::JG_TIER_NS
