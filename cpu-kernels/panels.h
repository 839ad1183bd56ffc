// Packed weights: panels of columns one after the other, columns past n zero. A panel has 16
// columns for the float formats; for the formats of blocks C = 8, or 16 in the AVX-512 tiers.
// Within a panel, in order of k:
//   F32   [k][16]
//   F16   [k][16]; k rounded up to even with zeros
//   BF16  [k / 2][16][2]: pairs of k side by side, so that a 32-bit lane holds both; k rounded up
//         likewise
//   Q8_0  per block of 32: f16 d[C], int8 [32 / R groups of R k][C][R]: R = 2 for AVX2, which
//         multiplies pairs of 16 bits, 4 in the AVX-512 tiers, which multiply four bytes
//   Q4_0  per block: f16 d[C], bytes [4 groups][C][4]: byte j of group g holds element 8 g + j in
//   its
//         low nibble, 8 g + 4 + j in its high one
//   Q4_1  as Q4_0, with f16 m[C] after d
#pragma once

#include "quant.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {

constexpr int64_t kFloatColumns = 16;
#if defined(__AVX512F__) || defined(JG_SIMDE)
constexpr int64_t kIntColumns = 16;
#else
constexpr int64_t kIntColumns = 8;
#endif

// k of a group of Q8_0, and the place of element i of a column in a block.
constexpr int64_t kQ8Group = kIntColumns == 8 ? 2 : 4;
inline int64_t Q8At(int64_t i, int64_t column) {
  return 2 * kIntColumns + i / kQ8Group * kQ8Group * kIntColumns + column * kQ8Group + i % kQ8Group;
}

// Bytes of a panel's scales (or minima) of one block, and of one group of 4 k.
constexpr int64_t kScaleBytes = 2 * kIntColumns;
constexpr int64_t kGroupBytes = 4 * kIntColumns;

inline bool IsInt(int32_t dtype) { return dtype >= JG_Q8_0; }
inline int64_t Columns(int32_t dtype) { return IsInt(dtype) ? kIntColumns : kFloatColumns; }

// Bytes of a block of 32 k of a panel of an int format.
inline int64_t PanelBlockBytes(int32_t dtype) {
  if (dtype == JG_Q8_0) return kScaleBytes + 8 * kGroupBytes;
  return (dtype == JG_Q4_0 ? 1 : 2) * kScaleBytes + 4 * kGroupBytes;
}

inline int64_t PanelBytes(int32_t dtype, int64_t k) {
  if (dtype == JG_F32) return kFloatColumns * 4 * k;
  if (dtype == JG_F16 || dtype == JG_BF16) return kFloatColumns * 2 * ((k + 1) / 2 * 2);
  return k / kBlock * PanelBlockBytes(dtype);
}

}  // namespace jangle::JG_TIER_NS
