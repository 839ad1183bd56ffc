// AVX-512 tiles of the formats of blocks: int8 activations x panels of 16 columns, by vpdpbusd.
#pragma once

#include "matmul_tile_avx512.h"
#include "panels.h"

namespace jangle::JG_TIER_NS {
namespace {

inline __m512i Broadcast4(const int8_t* p) {
  int32_t four;
  memcpy(&four, p, 4);
  return _mm512_set1_epi32(four);
}

inline __m512 Halves(const uint8_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

struct FormatQ8 {
  static constexpr int64_t kHead = kScaleBytes;
  static constexpr int kGroups = 8;
};
struct FormatQ4 {
  static constexpr int64_t kHead = kScaleBytes;
  static constexpr int kGroups = 4;
};
struct FormatQ41 {
  static constexpr int64_t kHead = 2 * kScaleBytes;
  static constexpr int kGroups = 4;
};

template <typename Format, int kRows, int kPanels>
struct IntTile {
  static constexpr bool kBytes8 = Format::kGroups == 8;
  static constexpr int64_t kBlockBytes = Format::kHead + Format::kGroups * kGroupBytes;

  static void Run(const MatmulArgs& args, int64_t panel, int64_t row) {
    const int64_t blocks = args.k / kBlock;
    const int64_t panel_bytes = blocks * kBlockBytes;
    const uint8_t* w = static_cast<const uint8_t*>(args.packed) + panel * panel_bytes;
    QuantRow x[kRows];
    __m512 sum[kRows][kPanels];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
      x[r] = RowOf(args, row + r);
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; p++) sum[r][p] = _mm512_setzero_ps();
    }
    for (int64_t b = 0; b < blocks; b++, w += kBlockBytes) {
      __m512i dot[kRows][kPanels];
      Dots(w, panel_bytes, x, b, dot);
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; p++) {
        Scale(w + p * panel_bytes, x, b, p, dot, sum);
      }
    }
    FinishTile<kRows, kPanels>(args, panel, row, sum);
  }

  static void Dots(const uint8_t* w, int64_t panel_bytes, const QuantRow* x, int64_t b,
                   __m512i (*dot)[kPanels]) {
    const __m512i nibble = _mm512_set1_epi8(15);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; p++) dot[r][p] = _mm512_setzero_si512();
    }
#pragma GCC unroll 1
    for (int g = 0; g < Format::kGroups; g++) {
      __m512i q[kPanels];
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; p++) {
        const uint8_t* at = w + p * panel_bytes + Format::kHead + kGroupBytes * g;
        Prefetch(at);
        q[p] = _mm512_loadu_si512(at);
      }
      if constexpr (kBytes8) {
        // vpdpbusd wants one side unsigned: |w| * (x with the sign of w).
        __mmask64 negative[kPanels];
#pragma GCC unroll 8
        for (int p = 0; p < kPanels; p++) {
          negative[p] = _mm512_movepi8_mask(q[p]);
          q[p] = _mm512_abs_epi8(q[p]);
        }
#pragma GCC unroll 8
        for (int r = 0; r < kRows; r++) {
          const __m512i a = Broadcast4(x[r].q + b * kBlock + 4 * g);
#pragma GCC unroll 8
          for (int p = 0; p < kPanels; p++) {
            const __m512i s = _mm512_mask_sub_epi8(a, negative[p], _mm512_setzero_si512(), a);
            dot[r][p] = _mm512_dpbusd_epi32(dot[r][p], q[p], s);
          }
        }
      } else {
        __m512i high[kPanels];
#pragma GCC unroll 8
        for (int p = 0; p < kPanels; p++) {
          high[p] = _mm512_and_si512(_mm512_srli_epi16(q[p], 4), nibble);
          q[p] = _mm512_and_si512(q[p], nibble);
        }
#pragma GCC unroll 8
        for (int r = 0; r < kRows; r++) {
          const int8_t* at = x[r].q + b * kBlock + 8 * g;
          const __m512i first = Broadcast4(at);
          const __m512i second = Broadcast4(at + 4);
#pragma GCC unroll 8
          for (int p = 0; p < kPanels; p++) {
            dot[r][p] = _mm512_dpbusd_epi32(dot[r][p], q[p], first);
            dot[r][p] = _mm512_dpbusd_epi32(dot[r][p], high[p], second);
          }
        }
      }
    }
  }

  static void Scale(const uint8_t* block, const QuantRow* x, int64_t b, int p,
                    const __m512i (*dot)[kPanels], __m512 (*sum)[kPanels]) {
    const __m512 d = Halves(block);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
      const __m512 value = _mm512_cvtepi32_ps(dot[r][p]);
      const __m512 scale = _mm512_set1_ps(x[r].scale[b]);
      const __m512 total = _mm512_set1_ps(x[r].sum[b]);
      if constexpr (kBytes8) {
        sum[r][p] = _mm512_fmadd_ps(_mm512_mul_ps(d, scale), value, sum[r][p]);
      } else if constexpr (Format::kHead == kScaleBytes) {
        const __m512 centred =
            _mm512_fnmadd_ps(_mm512_set1_ps(8.0f), total, _mm512_mul_ps(scale, value));
        sum[r][p] = _mm512_fmadd_ps(d, centred, sum[r][p]);
      } else {
        sum[r][p] = _mm512_fmadd_ps(d, _mm512_mul_ps(scale, value), sum[r][p]);
        sum[r][p] = _mm512_fmadd_ps(Halves(block + kScaleBytes), total, sum[r][p]);
      }
    }
  }
};

}  // namespace
}  // namespace jangle::JG_TIER_NS
