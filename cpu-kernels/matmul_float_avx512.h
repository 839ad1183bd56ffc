// AVX-512 tiles of the float formats, up to six rows x one or two panels of 16 columns, or one row
// x four panels; and of BF16 by vdpbf16ps.
#pragma once

#include "matmul_tile_avx512.h"
#include "panels.h"

namespace jangle::JG_TIER_NS {
namespace {

// The weights of 16 columns at kDepth successive k.
struct StepF32 {
  static constexpr int kDepth = 1;
  static constexpr int64_t kBytes = 64;
  static void Load(const uint8_t* w, __m512* out) {
    out[0] = _mm512_loadu_ps(reinterpret_cast<const float*>(w));
  }
};

struct StepF16 {
  static constexpr int kDepth = 2;
  static constexpr int64_t kBytes = 64;
  static void Load(const uint8_t* w, __m512* out) {
    const auto* p = reinterpret_cast<const __m256i*>(w);
    out[0] = _mm512_cvtph_ps(_mm256_loadu_si256(p));
    out[1] = _mm512_cvtph_ps(_mm256_loadu_si256(p + 1));
  }
};

struct StepBf16 {
  static constexpr int kDepth = 2;
  static constexpr int64_t kBytes = 64;
  static void Load(const uint8_t* w, __m512* out) {
    const __m512i pair = _mm512_loadu_si512(w);
    const __m512i high = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
    out[0] = _mm512_castsi512_ps(_mm512_slli_epi32(pair, 16));
    out[1] = _mm512_castsi512_ps(_mm512_and_si512(pair, high));
  }
};

template <typename Step, int kRows, int kPanels>
struct FloatTile {
  static void Run(const MatmulArgs& args, int64_t panel, int64_t row) {
    const int64_t panel_bytes = PanelBytes(args.dtype, args.k);
    const uint8_t* w = static_cast<const uint8_t*>(args.packed) + panel * panel_bytes;
    const float* x = args.x + row * args.ldx;
    __m512 sum[kRows][kPanels];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; p++) sum[r][p] = _mm512_setzero_ps();
    }
    const int64_t steps = (args.k + Step::kDepth - 1) / Step::kDepth;
    for (int64_t s = 0; s < steps; s++) {
      __m512 v[kPanels][Step::kDepth];
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; p++) {
        Prefetch(w + p * panel_bytes + s * Step::kBytes);
        Step::Load(w + p * panel_bytes + s * Step::kBytes, v[p]);
      }
#pragma GCC unroll 8
      for (int d = 0; d < Step::kDepth; d++) {
        const int64_t k = s * Step::kDepth + d;
        if (k == args.k) break;  // an odd k: the panel has a zero beside the last one, x has not
#pragma GCC unroll 8
        for (int r = 0; r < kRows; r++) {
          const __m512 a = _mm512_set1_ps(x[r * args.ldx + k]);
#pragma GCC unroll 8
          for (int p = 0; p < kPanels; p++) sum[r][p] = _mm512_fmadd_ps(a, v[p][d], sum[r][p]);
        }
      }
    }
    FinishTile<kRows, kPanels>(args, panel, row, sum);
  }
};

#if defined(JG_TIER_BF16)
// Activations as bf16, k rounded up to even with a zero, in scratch.
inline int64_t Bf16RowBytes(int64_t k) { return ((k + 1) / 2 * 4 + 63) / 64 * 64; }

// Rounds to nearest even; NaN stays NaN.
inline uint16_t ToBf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

template <typename Step, int kRows, int kPanels>
struct Bf16Tile {
  static void Run(const MatmulArgs& args, int64_t panel, int64_t row) {
    const int64_t panel_bytes = PanelBytes(args.dtype, args.k);
    const uint8_t* w = static_cast<const uint8_t*>(args.packed) + panel * panel_bytes;
    const auto* x = static_cast<const uint8_t*>(args.scratch) + row * Bf16RowBytes(args.k);
    __m512 sum[kRows][kPanels];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; p++) sum[r][p] = _mm512_setzero_ps();
    }
    const int64_t steps = (args.k + 1) / 2;
    for (int64_t s = 0; s < steps; s++) {
      __m512bh v[kPanels];
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; p++) {
        const uint8_t* at = w + p * panel_bytes + s * 64;
        Prefetch(at);
        const __m512i pair = _mm512_loadu_si512(at);
        memcpy(&v[p], &pair, sizeof pair);
      }
#pragma GCC unroll 8
      for (int r = 0; r < kRows; r++) {
        int32_t two;
        memcpy(&two, x + r * Bf16RowBytes(args.k) + 4 * s, 4);
        const __m512i both = _mm512_set1_epi32(two);
        __m512bh a;
        memcpy(&a, &both, sizeof a);
#pragma GCC unroll 8
        for (int p = 0; p < kPanels; p++) sum[r][p] = _mm512_dpbf16_ps(sum[r][p], v[p], a);
      }
    }
    FinishTile<kRows, kPanels>(args, panel, row, sum);
  }
};
#endif

}  // namespace
}  // namespace jangle::JG_TIER_NS
