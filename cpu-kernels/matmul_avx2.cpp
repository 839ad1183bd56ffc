// Matrix product for AVX2 with FMA and F16C: y[i][j] = sum over k of x[i][k] * w[j][k].
//
// Order of arithmetic, whatever the number of rows:
//   F32, F16, BF16  one accumulator per output, fma over k ascending, from 0
//   Q8_0, Q4_0, Q4_1  activations become int8 per row and block of 32 (matmul_prepare); per block
//   the
//     int32 dot product is exact; then one accumulator per output over blocks ascending, from 0:
//     Q8_0  acc = fma(dw * dx, dot, acc)
//     Q4_0  acc = fma(dw, fma(dx, dot, -8 * dx * sum(xq)), acc)   with unsigned 4-bit weights
//     Q4_1  acc = fma(mw, dx * sum(xq), fma(dw, dx * dot, acc))
//   then + bias, then + y where the product accumulates.
// Rows are taken in groups over a panel of columns that stays in the cache; a group's size changes
// which sums are made together, never how one is made.
#include "intrinsics.h"
#include "panels.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

// Distances of the software prefetch in bytes: the hardware's stops at every 4 KiB page. Zen 3, 2
// threads, 2026-11-23, one row, medians of two alternating rounds of 21: blocks Q4_0 4.3 and 4.4 ms
// at 2,048, 2.7 and 3.9 at 4,096; F32 19.2 and 19.0 ms at 2,048, 21.5 and 24.5 at 4,096.
constexpr int64_t kFloatPrefetch = 2048;
constexpr int64_t kBlockPrefetch = 4096;

template <int64_t kDistance>
inline void Prefetch(const uint8_t* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p + kDistance), _MM_HINT_T0);
}

// Writes one row's sums of 8 columns, of which `columns` exist.
inline void Finish(const MatmulArgs& args, int64_t row, int64_t column, __m256 sum) {
  float* y = args.y + row * args.ldy + column;
  const int64_t columns = args.n - column;
  if (columns >= 8) {
    if (args.bias != nullptr) sum = _mm256_add_ps(sum, _mm256_loadu_ps(args.bias + column));
    if (args.accumulate) sum = _mm256_add_ps(sum, _mm256_loadu_ps(y));
    _mm256_storeu_ps(y, sum);
    return;
  }
  alignas(32) float part[8];
  _mm256_store_ps(part, sum);
  for (int64_t j = 0; j < columns; j++) {
    float value = part[j];
    if (args.bias != nullptr) value += args.bias[column + j];
    if (args.accumulate) value += y[j];
    y[j] = value;
  }
}

// Steps of the float formats: the weights of kVectors x 8 columns at one k.
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

// One block of 32 activations to int8: scale = max |x| / 127. A block with a value that is not
// finite gets the scale NaN, so the outputs are NaN, too.
void QuantBlock(const float* x, int8_t* q, float* scale, float* sum) {
  __m256 v[4];
  __m256 most = _mm256_setzero_ps();
  __m256 bad = _mm256_setzero_ps();
  const __m256 sign = _mm256_set1_ps(-0.0f);
  for (int i = 0; i < 4; i++) {
    v[i] = _mm256_loadu_ps(x + 8 * i);
    most = _mm256_max_ps(_mm256_andnot_ps(sign, v[i]), most);
    bad = _mm256_or_ps(bad, _mm256_cmp_ps(_mm256_sub_ps(v[i], v[i]), v[i], _CMP_UNORD_Q));
  }
  if (_mm256_movemask_ps(bad) != 0) {
    *scale = *sum = __builtin_nanf("");
    memset(q, 0, kBlock);
    return;
  }
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(most), _mm256_extractf128_ps(most, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  half = _mm_max_ss(half, _mm_movehdup_ps(half));
  const float largest = _mm_cvtss_f32(half);
  // Below this the inverse would overflow; such a block counts as zero.
  const float d = largest < 1e-30f ? 0.0f : largest / 127.0f;
  const __m256 inverse = _mm256_set1_ps(d > 0 ? 127.0f / largest : 0.0f);
  __m256i n[4];
  for (int i = 0; i < 4; i++) n[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));
  __m256i total = _mm256_add_epi32(_mm256_add_epi32(n[0], n[1]), _mm256_add_epi32(n[2], n[3]));
  // The packs work within 128-bit halves; the permutation puts the elements back in order.
  __m256i bytes =
      _mm256_packs_epi16(_mm256_packs_epi32(n[0], n[1]), _mm256_packs_epi32(n[2], n[3]));
  bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(q), bytes);
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  *scale = d;
  *sum = d * static_cast<float>(_mm_cvtsi128_si32(four));
}

}  // namespace

int64_t MatmulScratchBytes(int32_t dtype, int64_t, int64_t k, int64_t rows) {
  return IsInt(dtype) ? rows * QuantRowBytes(k) : 0;
}

void MatmulPrepare(const MatmulArgs& args, int64_t begin, int64_t end) {
  QuantRows(args, begin, end, QuantBlock);
}

int64_t MatmulTiles(int32_t dtype, int64_t n, int64_t) {
  return (n + Columns(dtype) - 1) / Columns(dtype);
}

void Matmul(const MatmulArgs& args, int64_t begin, int64_t end) {
  switch (args.dtype) {
    case JG_F32:
      FloatPanels<StepF32>(args, begin, end);
      break;
    case JG_F16:
      FloatPanels<StepF16>(args, begin, end);
      break;
    case JG_BF16:
      FloatPanels<StepBf16>(args, begin, end);
      break;
    default:
      IntPanels(args, begin, end);
      break;
  }
}

}  // namespace jangle::JG_TIER_NS
