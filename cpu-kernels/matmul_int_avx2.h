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

// The activations of a row of Q8_0 lie in scratch as int16: no product of signed bytes in AVX2 has
// sums that fit, and vpmaddwd on 16 bits needs no second instruction to widen its pairs.
inline int64_t WideRowBytes(int64_t k) { return (2 * k + k / kBlock * 4 + 63) / 64 * 64; }

struct WideRow {
  int16_t* q;
  float* scale;  // per block
};

inline WideRow WideRowOf(const MatmulArgs& args, int64_t row) {
  auto* base = static_cast<uint8_t*>(args.scratch) + row * WideRowBytes(args.k);
  return {reinterpret_cast<int16_t*>(base), reinterpret_cast<float*>(base + 2 * args.k)};
}

inline __m256i Broadcast2(const int16_t* p) {
  int32_t two;
  memcpy(&two, p, 4);
  return _mm256_set1_epi32(two);
}

// kRows rows by a panel of 8 columns.
template <int kRows>
void Q8Tile(const MatmulArgs& args, int64_t panel, int64_t row) {
  constexpr int64_t kBytes = 16 + 256;
  const int64_t blocks = args.k / kBlock;
  const uint8_t* w = static_cast<const uint8_t*>(args.packed) + panel * blocks * kBytes;
  WideRow x[kRows];
  __m256 sum[kRows];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
    x[r] = WideRowOf(args, row + r);
    sum[r] = _mm256_setzero_ps();
  }
  for (int64_t b = 0; b < blocks; b++, w += kBytes) {
    // The two empty statements keep g++ from spilling `dot`: the sums of floats stay in memory
    // during a block, and products are added in the order written.
    asm("" : "+m"(sum));
    __m256i dot[kRows];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) dot[r] = _mm256_setzero_si256();
#pragma GCC unroll 16
    for (int g = 0; g < 16; g++) {
      const uint8_t* at = w + 16 + 16 * g;
      if (g % 4 == 0) Prefetch<kBlockPrefetch>(at);
      const __m256i q = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
#pragma GCC unroll 8
      for (int r = 0; r < kRows; r++) {
        const __m256i a = Broadcast2(x[r].q + b * kBlock + 2 * g);
        dot[r] = _mm256_add_epi32(dot[r], _mm256_madd_epi16(q, a));
        asm volatile("" : "+x"(dot[r]));
      }
    }
    const __m256 d = Halves(w);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
      const __m256 scale = _mm256_mul_ps(d, _mm256_broadcast_ss(x[r].scale + b));
      sum[r] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(dot[r]), sum[r]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) Finish(args, row + r, panel * kIntColumns, sum[r]);
}

// Rows by eights, the rest together. One panel at a time: two would read two streams of memory.
template <int kRows>
void Q8Rows(const MatmulArgs& args, int64_t panel, int64_t row) {
  for (; row + kRows <= args.rows; row += kRows) Q8Tile<kRows>(args, panel, row);
  if constexpr (kRows > 1) Q8Rows<kRows - 1>(args, panel, row);
}

void Q8Panels(const MatmulArgs& args, int64_t begin, int64_t end) {
  for (int64_t panel = begin; panel < end; panel++) Q8Rows<8>(args, panel, 0);
}

// The loop over the groups of a block is not unrolled: the compiler would hoist the broadcasts and
// spill.
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
void Q4Tile(const MatmulArgs& args, int64_t panel, int64_t row) {
  if (args.dtype == JG_Q4_0) {
    Q4Tile<kRows, kPanels, false>(args, panel, row);
  } else {
    Q4Tile<kRows, kPanels, true>(args, panel, row);
  }
}

template <int kRows, int kPanels>
void Q4Rows(const MatmulArgs& args, int64_t panel, int64_t row) {
  for (; row + kRows <= args.rows; row += kRows) Q4Tile<kRows, kPanels>(args, panel, row);
  if constexpr (kRows > 1) Q4Rows<kRows - 1, kPanels>(args, panel, row);
}

void Q4Panels(const MatmulArgs& args, int64_t begin, int64_t end) {
  // Two panels share each broadcast of activations.
  int64_t panel = begin;
  for (; panel + 2 <= end; panel += 2) Q4Rows<4, 2>(args, panel, 0);
  if (panel < end) Q4Rows<4, 1>(args, panel, 0);
}

}  // namespace
}  // namespace jangle::JG_TIER_NS
