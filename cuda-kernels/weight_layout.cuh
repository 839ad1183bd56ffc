// Packed weights: in the order in which the warps of matmul_kernel.cuh read them, so that a lane
// copies the very bytes that it multiplies.
//
// A weight [n][k] is cut into tiles of 16 outputs and into steps of StepK(dtype) inputs; n and k
// are padded to whole ones with zeros. `tiles` neighbouring tiles form a strip, read by one warp.
// Packed: [strip][step] records, each
//   [tiles][Fragments(dtype)] fragments of 512 bytes = 32 lanes x 16 bytes, then
//   [tiles] scales of ScaleBytes(dtype).
// A fragment of 16- and 8-bit weights is one A operand of mma.sync (ptx/mma.cuh): with g = lane /
// 4, t = lane % 4, word i of the lane's 16 bytes belongs to output g + 8 * (i % 2). Which inputs a
// lane holds is free as long as the activations agree; lane t takes neighbours:
//   F16   step 16, 1 fragment:  word i holds inputs 4 t + 2 (i / 2), + 1
//   BF16  step 32, 2 fragments: word i of fragment f holds inputs 8 t + 4 f + 2 (i / 2), + 1
//   Q8_0  step 64, 2 fragments: word i of fragment f holds inputs 32 f + 8 t + 4 (i / 2) .. + 3
//   Q4_*  step 64, 1 fragment:  the low nibbles of word i hold inputs 8 t + 4 (i / 2) .. + 3, the
//         high nibbles the same + 32. Q4_0's nibbles are q - 8 in two's complement, Q4_1's are q
//   F32   step 16, 2 fragments (no mma): piece 16 * (quad % 2) + output of fragment quad / 2 holds
//         inputs 4 quad .. + 3
// Scales of a tile: Q8_0, Q4_0: f16 d [8 g][2 blocks][outputs g, g + 8]; Q4_1: per g the d
// likewise, then the minima m: [8 g][d, m][2 blocks][2].
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "jangle.h"

namespace jangle {

constexpr int kTileOutputs = 16;
constexpr int kFragmentBytes = 512;
constexpr int kQuantBlock = 32;

__host__ __device__ constexpr bool IsBlocked(int32_t dtype) { return dtype >= JG_Q8_0; }

// Inputs of one step.
__host__ __device__ constexpr int StepK(int32_t dtype) {
  return IsBlocked(dtype) ? 64 : dtype == JG_BF16 ? 32 : 16;
}

// Fragments of one tile and step.
__host__ __device__ constexpr int Fragments(int32_t dtype) {
  return dtype == JG_F32 || dtype == JG_BF16 || dtype == JG_Q8_0 ? 2 : 1;
}

// Scales of one tile and step; the activations of one group of 8 tokens and step have as many.
__host__ __device__ constexpr int ScaleBytes(int32_t dtype) {
  return !IsBlocked(dtype) ? 0 : dtype == JG_Q4_1 ? 128 : 64;
}

__host__ __device__ constexpr int WeightRecordBytes(int32_t dtype, int tiles) {
  return tiles * (Fragments(dtype) * kFragmentBytes + ScaleBytes(dtype));
}

struct WeightLayout {
  int32_t dtype;
  int32_t tiles;   // of a strip: 1, 2 or 4
  int32_t steps;   // along k
  int64_t strips;  // along n

  __host__ __device__ int64_t Bytes() const {
    return strips * steps * WeightRecordBytes(dtype, tiles);
  }
};

// Strips of several tiles read each activation for more outputs, where enough strips are left to
// occupy every multiprocessor. Depends on the shape alone, as the packed bytes do.
inline WeightLayout WeightLayoutOf(int32_t dtype, int64_t n, int64_t k) {
  const int64_t all_tiles = (n + kTileOutputs - 1) / kTileOutputs;
  const int32_t tiles = all_tiles < 256 ? 1 : all_tiles < 1024 ? 2 : 4;
  return {dtype, tiles, static_cast<int32_t>((k + StepK(dtype) - 1) / StepK(dtype)),
          (all_tiles + tiles - 1) / tiles};
}

// Where one output's share of one step lies.
struct WeightRow {
  int32_t dtype;
  int32_t output;     // within the tile
  int64_t fragments;  // byte offset of the tile's fragments
  int64_t scales;     // byte offset of the tile's scales

  // Byte offset of the 32-bit word that holds input k of the step (Q4: and input k ^ 32).
  __host__ __device__ int64_t Word(int k) const {
    if (dtype == JG_F32) {
      return fragments + k / 8 * kFragmentBytes + (k / 4 % 2 * 16 + output) * 16 + k % 4 * 4;
    }
    const int fragment = dtype == JG_BF16 ? k / 4 % 2 : dtype == JG_Q8_0 ? k / 32 : 0;
    const int t = dtype == JG_F16 ? k / 4 : dtype == JG_BF16 ? k / 8 : k % 32 / 8;
    const int half = IsBlocked(dtype) ? k / 4 % 2 : k / 2 % 2;
    return fragments + fragment * kFragmentBytes + (output % 8 * 4 + t) * 16 +
           (output / 8 + 2 * half) * 4;
  }
  // Byte offset of the f16 scale of block 0 or 1 of the step.
  __host__ __device__ int64_t Scale(int block) const {
    return scales + output % 8 * (dtype == JG_Q4_1 ? 16 : 8) + block * 4 + output / 8 * 2;
  }
  // Q4_1: of the minimum.
  __host__ __device__ int64_t Minimum(int block) const { return Scale(block) + 8; }
};

__host__ __device__ inline WeightRow WeightRowOf(const WeightLayout& layout, int64_t n, int step) {
  const int64_t tile = n / kTileOutputs;
  const int64_t record =
      (tile / layout.tiles * layout.steps + step) * WeightRecordBytes(layout.dtype, layout.tiles);
  const int64_t in_strip = tile % layout.tiles;
  const int64_t fragments = Fragments(layout.dtype) * kFragmentBytes;
  return {layout.dtype, static_cast<int32_t>(n % kTileOutputs), record + in_strip * fragments,
          record + layout.tiles * fragments + in_strip * ScaleBytes(layout.dtype)};
}

}  // namespace jangle
