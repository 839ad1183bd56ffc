// AVX2 tiles of the formats of blocks: up to four rows of int8 activations x one or two panels of 8
// columns.
#pragma once

#include "matmul_tile_avx2.h"
#include "panels.h"

namespace jangle::JG_TIER_NS {
namespace {

inline __m256i Broadcast4(const int8_t* p) {
  int32_t four;
  memcpy(&four, p, 4);
  return _mm256_set1_epi32(four);
}

inline __m256 Halves(const uint8_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

// Int tiles: kRows rows by kPanels panels of 8 columns. The loop over the groups of a block is not
// unrolled: the compiler would hoist the broadcasts and spill (Zen 3, 2026-11-23: 27 against 32
// products per cycle).
template <int kRows, int kPanels>
void Q8Tile(const MatmulArgs& args, int64_t panel, int64_t row) {
  constexpr int64_t kBytes = 16 + 256;
  const int64_t blocks = args.k / kBlock;
  const int64_t panel_bytes = blocks * kBytes;
  const uint8_t* w = static_cast<const uint8_t*>(args.packed) + panel * panel_bytes;
  QuantRow x[kRows];
  __m256 sum[kRows][kPanels];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
    x[r] = RowOf(args, row + r);
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; p++) sum[r][p] = _mm256_setzero_ps();
  }
  const __m256i ones = _mm256_set1_epi16(1);
  for (int64_t b = 0; b < blocks; b++, w += kBytes) {
    __m256i dot[kRows][kPanels];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; p++) dot[r][p] = _mm256_setzero_si256();
    }
#pragma GCC unroll 1
    for (int g = 0; g < 8; g++) {
      __m256i q[kPanels];
      __m256i magnitude[kPanels];
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; p++) {
        const uint8_t* at = w + p * panel_bytes + 16 + 32 * g;
        if (g % 2 == 0) Prefetch<kBlockPrefetch>(at);
        q[p] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
        // maddubs wants one side unsigned: |w| * sign(x, w). -128 stays 128 as |w|, as it should.
        magnitude[p] = _mm256_abs_epi8(q[p]);
      }
#pragma GCC unroll 8
      for (int r = 0; r < kRows; r++) {
        const __m256i a = Broadcast4(x[r].q + b * kBlock + 4 * g);
#pragma GCC unroll 8
        for (int p = 0; p < kPanels; p++) {
          const __m256i pairs = _mm256_maddubs_epi16(magnitude[p], _mm256_sign_epi8(a, q[p]));
          dot[r][p] = _mm256_add_epi32(dot[r][p], _mm256_madd_epi16(pairs, ones));
        }
      }
    }
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; p++) {
      const __m256 d = Halves(w + p * panel_bytes);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; r++) {
        const __m256 scale = _mm256_mul_ps(d, _mm256_broadcast_ss(x[r].scale + b));
        sum[r][p] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(dot[r][p]), sum[r][p]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; p++) {
      Finish(args, row + r, (panel + p) * kIntColumns, sum[r][p]);
    }
  }
}

template <int kRows, int kPanels, bool kMinimum>
void Q4Tile(const MatmulArgs& args, int64_t panel, int64_t row) {
  constexpr int64_t kHead = kMinimum ? 32 : 16;
  constexpr int64_t kBytes = kHead + 128;
  const int64_t blocks = args.k / kBlock;
  const int64_t panel_bytes = blocks * kBytes;
  const uint8_t* w = static_cast<const uint8_t*>(args.packed) + panel * panel_bytes;
  QuantRow x[kRows];
  __m256 sum[kRows][kPanels];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
    x[r] = RowOf(args, row + r);
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; p++) sum[r][p] = _mm256_setzero_ps();
  }
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256i nibble = _mm256_set1_epi8(15);
  for (int64_t b = 0; b < blocks; b++, w += kBytes) {
    // Eight results of maddubs in 16 bits: 8 * 2 * 15 * 127 = 30,480 fits.
    __m256i dot[kRows][kPanels];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; p++) dot[r][p] = _mm256_setzero_si256();
    }
#pragma GCC unroll 1
    for (int g = 0; g < 4; g++) {
      __m256i low[kPanels];
      __m256i high[kPanels];
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; p++) {
        const uint8_t* at = w + p * panel_bytes + kHead + 32 * g;
        if (g % 2 == 0) Prefetch<kBlockPrefetch>(at);
        const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
        low[p] = _mm256_and_si256(both, nibble);
        high[p] = _mm256_and_si256(_mm256_srli_epi16(both, 4), nibble);
      }
#pragma GCC unroll 8
      for (int r = 0; r < kRows; r++) {
        const int8_t* q = x[r].q + b * kBlock + 8 * g;
        const __m256i first = Broadcast4(q);
#pragma GCC unroll 8
        for (int p = 0; p < kPanels; p++) {
          dot[r][p] = _mm256_add_epi16(dot[r][p], _mm256_maddubs_epi16(low[p], first));
        }
        const __m256i second = Broadcast4(q + 4);
#pragma GCC unroll 8
        for (int p = 0; p < kPanels; p++) {
          dot[r][p] = _mm256_add_epi16(dot[r][p], _mm256_maddubs_epi16(high[p], second));
        }
      }
    }
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; p++) {
      const __m256 d = Halves(w + p * panel_bytes);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; r++) {
        const __m256 value = _mm256_cvtepi32_ps(_mm256_madd_epi16(dot[r][p], ones));
        const __m256 scale = _mm256_broadcast_ss(x[r].scale + b);
        const __m256 total = _mm256_broadcast_ss(x[r].sum + b);
        if (kMinimum) {
          const __m256 m = Halves(w + p * panel_bytes + 16);
          sum[r][p] = _mm256_fmadd_ps(d, _mm256_mul_ps(scale, value), sum[r][p]);
          sum[r][p] = _mm256_fmadd_ps(m, total, sum[r][p]);
        } else {
          const __m256 centred =
              _mm256_fnmadd_ps(_mm256_set1_ps(8.0f), total, _mm256_mul_ps(scale, value));
          sum[r][p] = _mm256_fmadd_ps(d, centred, sum[r][p]);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; p++) {
      Finish(args, row + r, (panel + p) * kIntColumns, sum[r][p]);
    }
  }
}

template <int kRows, int kPanels>
void IntTile(const MatmulArgs& args, int64_t panel, int64_t row) {
  if (args.dtype == JG_Q8_0) {
    Q8Tile<kRows, kPanels>(args, panel, row);
  } else if (args.dtype == JG_Q4_0) {
    Q4Tile<kRows, kPanels, false>(args, panel, row);
  } else {
    Q4Tile<kRows, kPanels, true>(args, panel, row);
  }
}

template <int kPanels>
void IntRows(const MatmulArgs& args, int64_t panel) {
  int64_t row = 0;
  for (; row + 4 <= args.rows; row += 4) IntTile<4, kPanels>(args, panel, row);
  switch (args.rows - row) {
    case 3:
      IntTile<3, kPanels>(args, panel, row);
      break;
    case 2:
      IntTile<2, kPanels>(args, panel, row);
      break;
    case 1:
      IntTile<1, kPanels>(args, panel, row);
      break;
    default:
      break;
  }
}

void IntPanels(const MatmulArgs& args, int64_t begin, int64_t end) {
  // Two panels share each broadcast of activations.
  int64_t panel = begin;
  for (; panel + 2 <= end; panel += 2) IntRows<2>(args, panel);
  if (panel < end) IntRows<1>(args, panel);
}

}  // namespace
}  // namespace jangle::JG_TIER_NS
