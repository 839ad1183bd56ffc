// Matrix product for AVX-512 with VNNI, and with BF16 in that tier: y[i][j] = sum over k of
// x[i][k] * w[j][k].
//
// Order of arithmetic, whatever the number of rows: as matmul_avx2.cpp, except that in the BF16
// tier the activations of BF16 weights are rounded to bf16 (matmul_prepare), and pairs of k are
// added by vdpbf16ps, k ascending.
#include "intrinsics.h"
#include "panels.h"
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

template <int kRows, int kPanels>
void FinishTile(const MatmulArgs& args, int64_t panel, int64_t row, __m512 (*sum)[kPanels]) {
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; p++) Finish(args, row + r, (panel + p) * 16, sum[r][p]);
  }
}

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

// One block of 32 activations to int8: scale = max |x| / 127. A block with a value that is not
// finite gets the scale NaN, so the outputs are NaN, too.
void QuantBlock(const float* x, int8_t* q, float* scale, float* sum) {
  const __m512 v[2] = {_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16)};
  const __m512 magnitude[2] = {_mm512_abs_ps(v[0]), _mm512_abs_ps(v[1])};
  const __m512 limit = _mm512_set1_ps(3.4028234e38f);
  const unsigned finite =
      static_cast<unsigned>(_mm512_cmp_ps_mask(magnitude[0], limit, _CMP_LE_OQ)) &
      static_cast<unsigned>(_mm512_cmp_ps_mask(magnitude[1], limit, _CMP_LE_OQ));
  if (finite != 0xffff) {
    *scale = *sum = __builtin_nanf("");
    memset(q, 0, kBlock);
    return;
  }
  float lanes[16];
  _mm512_storeu_ps(lanes, _mm512_max_ps(magnitude[0], magnitude[1]));
  float largest = 0;
  for (float lane : lanes) largest = lane > largest ? lane : largest;
  // Below this the inverse would overflow; such a block counts as zero.
  const float d = largest < 1e-30f ? 0.0f : largest / 127.0f;
  const __m512 inverse = _mm512_set1_ps(d > 0 ? 127.0f / largest : 0.0f);
  int32_t total = 0;
  for (int i = 0; i < 2; i++) {
    int32_t n[16];
    _mm512_storeu_si512(n, _mm512_cvtps_epi32(_mm512_mul_ps(v[i], inverse)));
    for (int j = 0; j < 16; j++) {
      q[16 * i + j] = static_cast<int8_t>(n[j]);
      total += n[j];
    }
  }
  *scale = d;
  *sum = d * static_cast<float>(total);
}

}  // namespace

int64_t MatmulScratchBytes(int32_t dtype, int64_t, int64_t k, int64_t rows) {
#if defined(JG_TIER_BF16)
  if (dtype == JG_BF16) return rows * Bf16RowBytes(k);
#endif
  return IsInt(dtype) ? rows * QuantRowBytes(k) : 0;
}

void MatmulPrepare(const MatmulArgs& args, int64_t begin, int64_t end) {
#if defined(JG_TIER_BF16)
  if (args.dtype == JG_BF16) {
    for (int64_t row = begin; row < end; row++) {
      auto* out = reinterpret_cast<uint16_t*>(static_cast<uint8_t*>(args.scratch) +
                                              row * Bf16RowBytes(args.k));
      for (int64_t k = 0; k < args.k; k++) out[k] = ToBf16(args.x[row * args.ldx + k]);
      if (args.k % 2 != 0) out[args.k] = 0;
    }
    return;
  }
#endif
  QuantRows(args, begin, end, QuantBlock);
}

int64_t MatmulTiles(int32_t dtype, int64_t n, int64_t) {
  return (n + Columns(dtype) - 1) / Columns(dtype);
}

void Matmul(const MatmulArgs& args, int64_t begin, int64_t end) {
  switch (args.dtype) {
    case JG_F32:
      return Panels<FloatTile, StepF32>(args, begin, end);
    case JG_F16:
      return Panels<FloatTile, StepF16>(args, begin, end);
    case JG_BF16:
#if defined(JG_TIER_BF16)
      return Panels<Bf16Tile, StepBf16>(args, begin, end);
#else
      return Panels<FloatTile, StepBf16>(args, begin, end);
#endif
    case JG_Q8_0:
      return Panels<IntTile, FormatQ8>(args, begin, end);
    case JG_Q4_0:
      return Panels<IntTile, FormatQ4>(args, begin, end);
    default:
      return Panels<IntTile, FormatQ41>(args, begin, end);
  }
}

}  // namespace jangle::JG_TIER_NS
