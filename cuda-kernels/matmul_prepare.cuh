// Turns rows of x into the token records of a matrix product (matmul_plan.cuh), each row on its
// own. Shared by the product of plain rows and those of rows that another operation makes.
//   F32   copied
//   BF16  rounded to nearest even
//   F16   scaled by the power of two that brings the row's largest magnitude to [2^14, 2^15), then
//         split: high = f16(v), low = f16(v - high)
//   blocks  int8 of 32: scale d = largest / 127, its last two bits cleared (matmul_block.cuh), int8
//         = v * (127 / largest) to nearest even; a block below 1e-30 counts as zero
// A value that is not finite makes the scale NaN (F32, BF16: stays as it is), and so the row's
// results; other rows never see it. Rows past the last and inputs past k are zeros.
// Clears the counters of the product that follows.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "matmul_plan.cuh"
#include "ptx/convert.cuh"
#include "unroll.cuh"

namespace jangle {

__device__ __forceinline__ float Magnitude(float v) {
  const float magnitude = fabsf(v);
  return magnitude <= FLT_MAX ? magnitude : INFINITY;  // a NaN counts as infinite
}

// kCount neighbours of a row from `k` on; zeros past the end, and for a row that is null.
template <int kCount>
__device__ __forceinline__ void LoadInputs(float (&v)[kCount], const float* row, int64_t k,
                                           int64_t end) {
  if constexpr (kCount % 4 == 0) {
    const bool whole = row != nullptr && k + kCount <= end;
    if (whole && reinterpret_cast<uintptr_t>(row) % 16 == 0) {
      JG_UNROLL
      for (int i = 0; i < kCount; i += 4) {
        const float4 four = *reinterpret_cast<const float4*>(row + k + i);
        v[i] = four.x;
        v[i + 1] = four.y;
        v[i + 2] = four.z;
        v[i + 3] = four.w;
      }
      return;
    }
  }
  JG_UNROLL
  for (int i = 0; i < kCount; i++) v[i] = row != nullptr && k + i < end ? row[k + i] : 0.0f;
}

// A row of x as it is; null for a row of padding.
struct PlainRow {
  const float* x;

  template <int kCount>
  __device__ __forceinline__ void Load(float (&v)[kCount], int64_t k, int64_t end) const {
    LoadInputs(v, x, k, end);
  }
};

template <int kThreads>
struct PrepareShared {
  float largest[kThreads / 32];
};

// The row's largest magnitude, to all threads of the block.
template <int kThreads, typename Row>
__device__ __forceinline__ float LargestOfRow(const Row& row, int64_t k,
                                              PrepareShared<kThreads>& shared) {
  float largest = 0.0f;
  for (int64_t i = threadIdx.x; i < k; i += kThreads) {
    float v[1];
    row.Load(v, i, k);
    largest = fmaxf(largest, Magnitude(v[0]));
  }
  for (int distance = 16; distance > 0; distance /= 2) {
    largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, distance));
  }
  if (threadIdx.x % 32 == 0) shared.largest[threadIdx.x / 32] = largest;
  __syncthreads();
  for (float of_warp : shared.largest) largest = fmaxf(largest, of_warp);
  return largest;
}

// 2^e such that largest * 2^e lies in [2^14, 2^15); e at most 126, which reaches zeros and the
// smallest subnormals. Both 2^e and 2^-e are normal.
__device__ __forceinline__ int ScaleExponent(float largest) {
  const int exponent = static_cast<int>(__float_as_uint(largest) >> 23) - 127;
  return min(14 - exponent, 126);
}
__device__ __forceinline__ float PowerOfTwo(int exponent) {
  return __uint_as_float(static_cast<uint32_t>(exponent + 127) << 23);
}

// Four inputs as two f16 terms each: {high, high, low, low} words.
__device__ __forceinline__ uint4 SplitHalves(const float (&v)[4], float scale) {
  uint32_t high[4];
  uint32_t low[4];
  JG_UNROLL
  for (int i = 0; i < 4; i++) {
    const float scaled = v[i] * scale;
    const uint16_t half = FloatToHalf(scaled);
    high[i] = half;
    low[i] = FloatToHalf(scaled - HalfToFloat(half));
  }
  return make_uint4(high[0] | high[1] << 16, high[2] | high[3] << 16, low[0] | low[1] << 16,
                    low[2] | low[3] << 16);
}

// Eight inputs of a block of 32 as int8; the block's four threads are neighbours in the warp.
struct QuantEight {
  uint32_t words[2];
  float scale;  // 2^-17 d
  float total;  // scale * sum of the block's int8
};

__device__ __forceinline__ QuantEight Quantise(const float (&v)[8]) {
  float largest = 0.0f;
  JG_UNROLL
  for (int i = 0; i < 8; i++) largest = fmaxf(largest, Magnitude(v[i]));
  largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, 1));
  largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, 2));
  const bool finite = largest <= FLT_MAX;
  const bool zero = !finite || largest < 1e-30f;  // below, 127 / largest could overflow
  const float inverse = zero ? 0.0f : 127.0f / largest;
  QuantEight result = {};
  int total = 0;
  JG_UNROLL
  for (int i = 0; i < 8; i++) {
    // Adding 1.5 * 2^23 rounds to nearest even and leaves the integer in the low bits.
    const float shifted = (zero ? 0.0f : v[i] * inverse) + 12582912.0f;
    const int quant = __float_as_int(shifted) - 0x4B400000;
    total += quant;
    result.words[i / 4] |= (static_cast<uint32_t>(quant) & 255u) << (i % 4 * 8);
  }
  total += __shfl_xor_sync(0xffffffffu, total, 1);
  total += __shfl_xor_sync(0xffffffffu, total, 2);
  const float d = zero ? 0.0f : __uint_as_float(__float_as_uint(largest / 127.0f) & ~3u);
  result.scale = finite ? d * 0x1p-17f : NAN;
  result.total = result.scale * static_cast<float>(total);
  return result;
}

// Of block (x, y): row x of the padded rows, chunks y, y + gridDim.y, ... of kThreads * kInputs
// inputs.
template <int32_t kDtype, int kThreads, typename Row>
__device__ __forceinline__ void PrepareRow(const MatmulPlan& plan, const Row& row,
                                           PrepareShared<kThreads>& shared) {
  constexpr int kInputs = kDtype == JG_F32 || kDtype == JG_F16 ? 4 : 8;  // of one thread at a time
  constexpr int kThreadsOfStep = StepK(kDtype) / kInputs;
  const int64_t token = blockIdx.x;
  const int64_t block_tokens = plan.groups * kGroupTokens;
  const int group = static_cast<int>(token % block_tokens) / kGroupTokens;
  const int column = static_cast<int>(token % kGroupTokens);
  const int64_t record_bytes = TokenRecordBytes(kDtype, plan.groups);
  uint8_t* records = plan.tokens + token / block_tokens * plan.steps * record_bytes;

  if (plan.splits > 1 && blockIdx.y == 0 && token == 0) {
    for (int64_t i = threadIdx.x; i < plan.blocks; i += kThreads) plan.counters[i] = 0;
  }
  float row_scale = 0.0f;
  if constexpr (kDtype == JG_F16) {
    const float largest = LargestOfRow(row, plan.k, shared);
    const bool finite = largest <= FLT_MAX;
    const int exponent = finite ? ScaleExponent(largest) : 0;
    row_scale = PowerOfTwo(exponent);
    if (blockIdx.y == 0 && threadIdx.x == 0) {
      plan.row_scales[token] = finite ? PowerOfTwo(-exponent) : NAN;
    }
  }

  const int64_t pieces = static_cast<int64_t>(plan.steps) * kThreadsOfStep;
  // All lanes go round equally often: a block of 32 is made by four of them together.
  for (int64_t base = blockIdx.y * kThreads; base < pieces;
       base += static_cast<int64_t>(gridDim.y) * kThreads) {
    const int64_t piece = base + threadIdx.x;
    const int in_step = static_cast<int>(piece % kThreadsOfStep);
    uint8_t* record = records + piece / kThreadsOfStep * record_bytes;
    uint8_t* fragment = record + group * kFragmentBytes;
    float v[kInputs];
    row.Load(v, piece * kInputs, plan.k);
    if constexpr (IsBlocked(kDtype)) {
      const QuantEight quants = Quantise(v);
      if (piece >= pieces) continue;
      const int t = in_step % 4;
      const int block = in_step / 4;
      *reinterpret_cast<uint2*>(fragment + column * 64 + t * 16 + block * 8) =
          make_uint2(quants.words[0], quants.words[1]);
      if (t == 0) {
        auto* scales = reinterpret_cast<float*>(record + plan.groups * kFragmentBytes +
                                                group * ScaleBytes(kDtype));
        const int at = column / 2 * 4 + block * 2 + column % 2;
        scales[at] = quants.scale;
        if constexpr (kDtype == JG_Q4_1) scales[16 + at] = quants.total;
      }
    } else {
      if (piece >= pieces) continue;
      uint4 words;
      int64_t at = column * 64 + in_step * 16;
      if constexpr (kDtype == JG_F32) {
        words = make_uint4(__float_as_uint(v[0]), __float_as_uint(v[1]), __float_as_uint(v[2]),
                           __float_as_uint(v[3]));
        at = (in_step * kGroupTokens + column) * 16;
      } else if constexpr (kDtype == JG_F16) {
        words = SplitHalves(v, row_scale);
      } else {
        words = make_uint4(PackBf16x2(v[0], v[1]), PackBf16x2(v[2], v[3]), PackBf16x2(v[4], v[5]),
                           PackBf16x2(v[6], v[7]));
      }
      *reinterpret_cast<uint4*>(fragment + at) = words;
    }
  }
}

// Calls run with the format of the activations for weights of `dtype`, as a constant.
template <typename Run>
int32_t WithPreparedFormat(int32_t dtype, const Run& run) {
  switch (dtype) {
    case JG_F32:
      return run(std::integral_constant<int32_t, JG_F32>());
    case JG_F16:
      return run(std::integral_constant<int32_t, JG_F16>());
    case JG_BF16:
      return run(std::integral_constant<int32_t, JG_BF16>());
    case JG_Q8_0:
    case JG_Q4_0:  // the same activations
      return run(std::integral_constant<int32_t, JG_Q8_0>());
    default:
      return run(std::integral_constant<int32_t, JG_Q4_1>());
  }
}

// Blocks of kThreads threads for PrepareRow.
template <int32_t kDtype, int kThreads>
dim3 PrepareGrid(const MatmulPlan& plan) {
  constexpr int kInputs = kDtype == JG_F32 || kDtype == JG_F16 ? 4 : 8;
  const int64_t pieces = static_cast<int64_t>(plan.steps) * StepK(kDtype) / kInputs;
  const int64_t chunks = (pieces + kThreads - 1) / kThreads;
  return dim3(static_cast<uint32_t>(plan.PaddedRows()),
              static_cast<uint32_t>(chunks < 64 ? chunks : 64));
}

}  // namespace jangle
