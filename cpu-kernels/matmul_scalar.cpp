// Matrix product for any x86-64, over the panels of panels.h. The order of arithmetic is that of
// matmul_avx2.cpp, with a multiplication and an addition where that has an fma.
#include "panels.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

void Finish(const MatmulArgs& args, int64_t row, int64_t column, const float* sum,
            int64_t columns) {
  float* y = args.y + row * args.ldy + column;
  for (int64_t j = 0; j < columns && column + j < args.n; j++) {
    float value = sum[j];
    if (args.bias != nullptr) value += args.bias[column + j];
    if (args.accumulate) value += y[j];
    y[j] = value;
  }
}

float Weight(int32_t dtype, const uint8_t* panel, int64_t k, int64_t column) {
  if (dtype == JG_F32) {
    float value;
    memcpy(&value, panel + (k * kFloatColumns + column) * 4, 4);
    return value;
  }
  uint16_t bits;
  const int64_t at =
      dtype == JG_F16 ? k * kFloatColumns + column : k / 2 * 2 * kFloatColumns + column * 2 + k % 2;
  memcpy(&bits, panel + at * 2, 2);
  return dtype == JG_F16 ? HalfToFloat(bits) : BfloatToFloat(bits);
}

void FloatPanel(const MatmulArgs& args, int64_t panel, const uint8_t* w) {
  // One k of the panel is converted once for up to four rows.
  constexpr int64_t kRows = 4;
  for (int64_t row = 0; row < args.rows; row += kRows) {
    const int64_t rows = args.rows - row < kRows ? args.rows - row : kRows;
    float sum[kRows][kFloatColumns] = {};
    for (int64_t k = 0; k < args.k; k++) {
      float v[kFloatColumns];
      for (int64_t j = 0; j < kFloatColumns; j++) v[j] = Weight(args.dtype, w, k, j);
      for (int64_t r = 0; r < rows; r++) {
        const float a = args.x[(row + r) * args.ldx + k];
        for (int64_t j = 0; j < kFloatColumns; j++) sum[r][j] += a * v[j];
      }
    }
    for (int64_t r = 0; r < rows; r++) {
      Finish(args, row + r, panel * kFloatColumns, sum[r], kFloatColumns);
    }
  }
}

int32_t Dot(int32_t dtype, const uint8_t* block, int64_t column, const int8_t* x) {
  const uint8_t* quants = block + (dtype == JG_Q4_1 ? 2 : 1) * kScaleBytes;
  int32_t dot = 0;
  for (int64_t i = 0; i < kBlock; i++) {
    if (dtype == JG_Q8_0) {
      dot += static_cast<int8_t>(block[Q8At(i, column)]) * x[i];
    } else {
      const uint8_t byte = quants[i / 8 * kGroupBytes + column * 4 + i % 4];
      dot += (i % 8 < 4 ? byte & 15 : byte >> 4) * x[i];
    }
  }
  return dot;
}

float Half(const uint8_t* halves, int64_t column) {
  uint16_t bits;
  memcpy(&bits, halves + 2 * column, 2);
  return HalfToFloat(bits);
}

void IntPanel(const MatmulArgs& args, int64_t panel, const uint8_t* w) {
  const int64_t blocks = args.k / kBlock;
  const int64_t block_bytes = PanelBlockBytes(args.dtype);
  for (int64_t row = 0; row < args.rows; row++) {
    const QuantRow x = RowOf(args, row);
    float sum[kIntColumns] = {};
    for (int64_t b = 0; b < blocks; b++) {
      const uint8_t* block = w + b * block_bytes;
      for (int64_t j = 0; j < kIntColumns; j++) {
        const float dot = static_cast<float>(Dot(args.dtype, block, j, x.q + b * kBlock));
        const float d = Half(block, j);
        if (args.dtype == JG_Q8_0) {
          sum[j] += d * x.scale[b] * dot;
        } else if (args.dtype == JG_Q4_0) {
          sum[j] += d * (x.scale[b] * dot - 8.0f * x.sum[b]);
        } else {
          sum[j] += d * (x.scale[b] * dot);
          sum[j] += Half(block + kScaleBytes, j) * x.sum[b];
        }
      }
    }
    Finish(args, row, panel * kIntColumns, sum, kIntColumns);
  }
}

// One block of 32 activations to int8; see QuantBlock of matmul_avx2.cpp.
void QuantBlock(const float* x, int8_t* q, float* scale, float* sum) {
  float most = 0;
  for (int64_t i = 0; i < kBlock; i++) {
    if (!(__builtin_fabsf(x[i]) <= 3.4028234e38f)) {
      *scale = *sum = __builtin_nanf("");
      memset(q, 0, kBlock);
      return;
    }
    most = __builtin_fabsf(x[i]) > most ? __builtin_fabsf(x[i]) : most;
  }
  // Below this the inverse would overflow; such a block counts as zero.
  const float d = most < 1e-30f ? 0.0f : most / 127.0f;
  const float inverse = d > 0 ? 127.0f / most : 0.0f;
  int32_t total = 0;
  for (int64_t i = 0; i < kBlock; i++) {
    // Adding and subtracting 1.5 * 2^23 rounds to nearest even.
    const float rounded = (x[i] * inverse + 12582912.0f) - 12582912.0f;
    q[i] = static_cast<int8_t>(rounded);
    total += q[i];
  }
  *scale = d;
  *sum = d * static_cast<float>(total);
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
  const int64_t panel_bytes = PanelBytes(args.dtype, args.k);
  for (int64_t panel = begin; panel < end; panel++) {
    const uint8_t* w = static_cast<const uint8_t*>(args.packed) + panel * panel_bytes;
    if (IsInt(args.dtype)) {
      IntPanel(args, panel, w);
    } else {
      FloatPanel(args, panel, w);
    }
  }
}

}  // namespace jangle::JG_TIER_NS
