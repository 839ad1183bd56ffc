// Formats of weights on file, and the int8 blocks that activations become for 8- and 4-bit weights.
// Compiled per tier; see tier_ops.h.
//
// Block of 32 weights on file (GGUF): Q8_0 = f16 d, 32 x int8 q: d * q. Q4_0 = f16 d, 16 bytes: low
// nibble of byte i is element i, high nibble element i + 16: d * (q - 8). Q4_1 = f16 d, f16 m: d *
// q + m.
#pragma once

#include <stdint.h>
#include <string.h>

#include "jangle.h"
#include "kernels.h"

namespace jangle::JG_TIER_NS {

constexpr int64_t kBlock = 32;

inline int64_t FileBlockBytes(int32_t dtype) {
  return dtype == JG_Q8_0 ? 34 : dtype == JG_Q4_0 ? 18 : 20;
}

inline int64_t FileRowBytes(int32_t dtype, int64_t k) {
  if (dtype == JG_F32) return 4 * k;
  if (dtype == JG_F16 || dtype == JG_BF16) return 2 * k;
  return k / kBlock * FileBlockBytes(dtype);
}

inline float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 31u;
  const uint32_t mantissa = half & 1023u;
  uint32_t bits;
  float value;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24 is exact
    value = static_cast<float>(mantissa) * 0x1p-24f;
    memcpy(&bits, &value, sizeof bits);
    bits |= sign;
  } else if (exponent == 31) {
    bits = sign | 0x7f800000u | mantissa << 13;
  } else {
    bits = sign | (exponent + 112) << 23 | mantissa << 13;
  }
  memcpy(&value, &bits, sizeof value);
  return value;
}

inline float BfloatToFloat(uint16_t bfloat) {
  const uint32_t bits = static_cast<uint32_t>(bfloat) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// A row of activations in scratch: int8 q[k], then per block the scale, then per block scale *
// sum(q).
inline int64_t QuantRowBytes(int64_t k) { return (k + k / kBlock * 8 + 63) / 64 * 64; }

struct QuantRow {
  const int8_t* q;
  const float* scale;  // per block
  const float* sum;    // per block, scale * sum(q)
};

inline QuantRow RowOf(const MatmulArgs& args, int64_t row) {
  const auto* base = static_cast<const uint8_t*>(args.scratch) + row * QuantRowBytes(args.k);
  const auto* scale = reinterpret_cast<const float*>(base + args.k);
  return {reinterpret_cast<const int8_t*>(base), scale, scale + args.k / kBlock};
}

// Fills rows [begin, end) of the scratch; quant_block(x, q, scale, sum) does one block.
template <typename QuantBlock>
void QuantRows(const MatmulArgs& args, int64_t begin, int64_t end, QuantBlock quant_block) {
  const int64_t blocks = args.k / kBlock;
  for (int64_t row = begin; row < end; row++) {
    auto* base = static_cast<uint8_t*>(args.scratch) + row * QuantRowBytes(args.k);
    auto* q = reinterpret_cast<int8_t*>(base);
    auto* scale = reinterpret_cast<float*>(base + args.k);
    for (int64_t b = 0; b < blocks; b++) {
      quant_block(args.x + row * args.ldx + b * kBlock, q + b * kBlock, scale + b,
                  scale + blocks + b);
    }
  }
}

}  // namespace jangle::JG_TIER_NS
