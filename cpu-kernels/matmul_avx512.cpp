// Matrix product for AVX-512 with VNNI, and with BF16 in that tier: y[i][j] = sum over k of
// x[i][k] * w[j][k].
//
// Order of arithmetic, whatever the number of rows: as matmul_avx2.cpp, except that in the BF16
// tier the activations of BF16 weights are rounded to bf16 (matmul_prepare), and pairs of k are
// added by vdpbf16ps, k ascending.
#include "intrinsics.h"
#include "matmul_float_avx512.h"
#include "matmul_int_avx512.h"
#include "panels.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

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
