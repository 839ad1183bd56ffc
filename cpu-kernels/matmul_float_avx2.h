// AVX2 tiles of the float formats: rows x 16 columns of a panel, or one row x two panels.
#pragma once

#include "matmul_tile_avx2.h"
#include "panels.h"

namespace jangle::JG_TIER_NS {
namespace {

// The weights of a panel's 16 columns, as two vectors, at kDepth successive k.
struct StepF32 {
  static constexpr int kMostRows = 6;
  static constexpr int kDepth = 1;
  static void Load(const uint8_t* w, __m256 (*out)[2]) {
    out[0][0] = _mm256_loadu_ps(reinterpret_cast<const float*>(w));
    out[0][1] = _mm256_loadu_ps(reinterpret_cast<const float*>(w) + 8);
  }
  static constexpr int64_t kBytes = 64;
};

struct StepF16 {
  static constexpr int kMostRows = 5;
  static constexpr int kDepth = 2;
  static void Load(const uint8_t* w, __m256 (*out)[2]) {
    const auto* p = reinterpret_cast<const __m128i*>(w);
    out[0][0] = _mm256_cvtph_ps(_mm_loadu_si128(p));
    out[0][1] = _mm256_cvtph_ps(_mm_loadu_si128(p + 1));
    out[1][0] = _mm256_cvtph_ps(_mm_loadu_si128(p + 2));
    out[1][1] = _mm256_cvtph_ps(_mm_loadu_si128(p + 3));
  }
  static constexpr int64_t kBytes = 64;
};

struct StepBf16 {
  static constexpr int kMostRows = 4;
  static constexpr int kDepth = 2;
  static void Load(const uint8_t* w, __m256 (*out)[2]) {
    const __m256i high = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
    for (int i = 0; i < 2; i++) {
      const __m256i pair = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w) + i);
      out[0][i] = _mm256_castsi256_ps(_mm256_slli_epi32(pair, 16));
      out[1][i] = _mm256_castsi256_ps(_mm256_and_si256(pair, high));
    }
  }
  static constexpr int64_t kBytes = 64;
};

template <typename Step, int kRows, int kPanels>
void FloatTile(const MatmulArgs& args, int64_t panel, int64_t panel_bytes, int64_t row) {
  const uint8_t* w = static_cast<const uint8_t*>(args.packed) + panel * panel_bytes;
  const float* x = args.x + row * args.ldx;
  __m256 sum[kRows][kPanels][2];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; p++) sum[r][p][0] = sum[r][p][1] = _mm256_setzero_ps();
  }
  const int64_t steps = args.k / Step::kDepth;
  for (int64_t s = 0; s < steps; s++) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; p++) {
      __m256 v[Step::kDepth][2];
      Prefetch<kFloatPrefetch>(w + p * panel_bytes + s * Step::kBytes);
      Step::Load(w + p * panel_bytes + s * Step::kBytes, v);
#pragma GCC unroll 8
      for (int d = 0; d < Step::kDepth; d++) {
#pragma GCC unroll 8
        for (int r = 0; r < kRows; r++) {
          const __m256 a = _mm256_broadcast_ss(x + r * args.ldx + s * Step::kDepth + d);
          sum[r][p][0] = _mm256_fmadd_ps(a, v[d][0], sum[r][p][0]);
          sum[r][p][1] = _mm256_fmadd_ps(a, v[d][1], sum[r][p][1]);
        }
      }
    }
  }
  if (Step::kDepth == 2 && args.k % 2 != 0) {  // the panel has a zero beside the last k, x has not
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; p++) {
      __m256 v[Step::kDepth][2];
      Step::Load(w + p * panel_bytes + steps * Step::kBytes, v);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; r++) {
        const __m256 a = _mm256_broadcast_ss(x + r * args.ldx + args.k - 1);
        sum[r][p][0] = _mm256_fmadd_ps(a, v[0][0], sum[r][p][0]);
        sum[r][p][1] = _mm256_fmadd_ps(a, v[0][1], sum[r][p][1]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; p++) {
      const int64_t column = (panel + p) * kFloatColumns;
      Finish(args, row + r, column, sum[r][p][0]);
      if (column + 8 < args.n) Finish(args, row + r, column + 8, sum[r][p][1]);
    }
  }
}

template <typename Step>
void FloatPanels(const MatmulArgs& args, int64_t begin, int64_t end) {
  const int64_t panel_bytes = PanelBytes(args.dtype, args.k);
  if (args.rows == 1) {
    int64_t panel = begin;
    // Four chains of dependent sums per column vector pair hide the latency of an fma.
    for (; panel + 2 <= end; panel += 2) FloatTile<Step, 1, 2>(args, panel, panel_bytes, 0);
    if (panel < end) FloatTile<Step, 1, 1>(args, panel, panel_bytes, 0);
    return;
  }
  for (int64_t panel = begin; panel < end; panel++) {
    int64_t row = 0;
    while (row < args.rows) {
      // As even groups as may be, of at most kMostRows: rows x 2 vectors of sums, the weights and a
      // broadcast fill the 16 registers.
      const int64_t left = args.rows - row;
      const int64_t groups = (left + Step::kMostRows - 1) / Step::kMostRows;
      const int64_t rows = (left + groups - 1) / groups;
      switch (rows) {
        case 1:
          FloatTile<Step, 1, 1>(args, panel, panel_bytes, row);
          break;
        case 2:
          FloatTile<Step, 2, 1>(args, panel, panel_bytes, row);
          break;
        case 3:
          FloatTile<Step, 3, 1>(args, panel, panel_bytes, row);
          break;
        case 4:
          FloatTile<Step, 4, 1>(args, panel, panel_bytes, row);
          break;
        case 5:
          FloatTile<Step, 5, 1>(args, panel, panel_bytes, row);
          break;
        default:
          FloatTile<Step, 6, 1>(args, panel, panel_bytes, row);
          break;
      }
      row += rows;
    }
  }
}

}  // namespace
}  // namespace jangle::JG_TIER_NS
