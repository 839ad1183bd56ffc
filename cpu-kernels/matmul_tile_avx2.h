// What the AVX2 tiles of matmul_avx2.cpp share: the prefetch of weights, and the end of a sum.
// Included by that file only, as matmul_float_avx2.h and matmul_int_avx2.h are.
#pragma once

#include "intrinsics.h"
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

}  // namespace
}  // namespace jangle::JG_TIER_NS
