// What the AVX-512 tiles of matmul_avx512.cpp share: the prefetch of weights, the end of a sum, and
// the walk over rows and panels. Included by that file only, as matmul_float_avx512.h and
// matmul_int_avx512.h are.
#pragma once

#include "intrinsics.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

// Distance of the software prefetch in bytes: the hardware's stops at every 4 KiB page.
constexpr int64_t kPrefetch = 2048;

inline void Prefetch(const uint8_t* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p + kPrefetch), _MM_HINT_T0);
}

// Writes one row's sums of 16 columns, of which those below n exist.
inline void Finish(const MatmulArgs& args, int64_t row, int64_t column, __m512 sum) {
  float* y = args.y + row * args.ldy + column;
  const int64_t columns = args.n - column;
  if (columns >= 16) {
    if (args.bias != nullptr) sum = _mm512_add_ps(sum, _mm512_loadu_ps(args.bias + column));
    if (args.accumulate) sum = _mm512_add_ps(sum, _mm512_loadu_ps(y));
    _mm512_storeu_ps(y, sum);
    return;
  }
  float part[16];
  _mm512_storeu_ps(part, sum);
  for (int64_t j = 0; j < columns; j++) {
    float value = part[j];
    if (args.bias != nullptr) value += args.bias[column + j];
    if (args.accumulate) value += y[j];
    y[j] = value;
  }
}

template <int kRows, int kPanels>
void FinishTile(const MatmulArgs& args, int64_t panel, int64_t row, __m512 (*sum)[kPanels]) {
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; p++) Finish(args, row + r, (panel + p) * 16, sum[r][p]);
  }
}

// All rows over kPanels panels, in groups of up to 6: 6 x 2 sums, as many dot products, and the
// weights fill the 32 registers.
template <template <typename, int, int> typename Tile, typename Format, int kPanels>
void Rows(const MatmulArgs& args, int64_t panel) {
  int64_t row = 0;
  for (; row + 6 <= args.rows; row += 6) Tile<Format, 6, kPanels>::Run(args, panel, row);
  switch (args.rows - row) {
    case 5:
      return Tile<Format, 5, kPanels>::Run(args, panel, row);
    case 4:
      return Tile<Format, 4, kPanels>::Run(args, panel, row);
    case 3:
      return Tile<Format, 3, kPanels>::Run(args, panel, row);
    case 2:
      return Tile<Format, 2, kPanels>::Run(args, panel, row);
    case 1:
      return Tile<Format, 1, kPanels>::Run(args, panel, row);
    default:
      return;
  }
}

template <template <typename, int, int> typename Tile, typename Format>
void Panels(const MatmulArgs& args, int64_t begin, int64_t end) {
  int64_t panel = begin;
  // One row alone takes four panels, so that the latency of dependent sums is hidden.
  if (args.rows == 1) {
    for (; panel + 4 <= end; panel += 4) Tile<Format, 1, 4>::Run(args, panel, 0);
  }
  for (; panel + 2 <= end; panel += 2) Rows<Tile, Format, 2>(args, panel);
  if (panel < end) Rows<Tile, Format, 1>(args, panel);
}

}  // namespace
}  // namespace jangle::JG_TIER_NS
