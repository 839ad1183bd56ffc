// Matrix product for AVX2 with FMA and F16C: y[i][j] = sum over k of x[i][k] * w[j][k].
//
// Order of arithmetic, whatever the number of rows:
//   F32, F16, BF16  one accumulator per output, fma over k ascending, from 0
//   Q8_0, Q4_0, Q4_1  activations become int8 per row and block of 32 (matmul_prepare); per block
//     the int32 dot product is exact; then one accumulator per output over blocks ascending, from
//     0: Q8_0  acc = fma(dw * dx, dot, acc) Q4_0  acc = fma(dw, fma(dx, dot, -8 * dx * sum(xq)),
//     acc)   with unsigned 4-bit weights Q4_1  acc = fma(mw, dx * sum(xq), fma(dw, dx * dot, acc))
//   then + bias, then + y where the product accumulates.
// Rows are taken in groups over a panel of columns that stays in the cache; a group's size changes
// which sums are made together, never how one is made.
#include "intrinsics.h"
#include "matmul_float_avx2.h"
#include "matmul_int_avx2.h"
#include "panels.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

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

void WideRows(const MatmulArgs& args, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i++) {
    const WideRow row = WideRowOf(args, i);
    for (int64_t b = 0; b < args.k / kBlock; b++) {
      alignas(16) int8_t q[kBlock];
      float sum;
      QuantBlock(args.x + i * args.ldx + b * kBlock, q, row.scale + b, &sum);
      for (int64_t j = 0; j < kBlock; j += 16) {
        const __m128i bytes = _mm_load_si128(reinterpret_cast<const __m128i*>(q + j));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(row.q + b * kBlock + j),
                            _mm256_cvtepi8_epi16(bytes));
      }
    }
  }
}

}  // namespace

int64_t MatmulScratchBytes(int32_t dtype, int64_t, int64_t k, int64_t rows) {
  if (dtype == JG_Q8_0) return rows * WideRowBytes(k);
  return IsInt(dtype) ? rows * QuantRowBytes(k) : 0;
}

void MatmulPrepare(const MatmulArgs& args, int64_t begin, int64_t end) {
  if (args.dtype == JG_Q8_0) {
    WideRows(args, begin, end);
  } else {
    QuantRows(args, begin, end, QuantBlock);
  }
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
    case JG_Q8_0:
      Q8Panels(args, begin, end);
      break;
    default:
      Q4Panels(args, begin, end);
      break;
  }
}

}  // namespace jangle::JG_TIER_NS
