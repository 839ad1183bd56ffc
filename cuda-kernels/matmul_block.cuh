// Weights in blocks of 32, with activations of int8 in blocks of 32: exact integer dot products per
// block (m16n8k32), then in f32, blocks ascending,
//   sum = fma(dw, dx * dot, sum), and for Q4_1  sum = fma(mw, dx * total, sum),
// dw, mw the weights' scale and minimum, dx the activations' scale, total the sum of the block's
// int8. dx * dot takes one fma and no conversion: the accumulators start at the bits of
// kMagic = 1.5 * 2^23, so as floats they are kMagic + dot (|dot| <= 32 * 128 * 127 < 2^22), and
// fma(kMagic + dot, dx, -kMagic * dx) rounds once, because dx has at most 22 significant bits
// (matmul_prepare.cu), which makes -kMagic * dx exact. dx in scratch is 2^-17 of the true scale,
// lest that product overflow; kFactor of a format takes it back.
#pragma once

#include "matmul_fragment.cuh"
#include "matmul_kernel.cuh"
#include "ptx/convert.cuh"
#include "ptx/mma_s8_from.cuh"

namespace jangle {

constexpr float kMagic = 12582912.0f;
constexpr int32_t kMagicBits = 0x4B400000;

// What a lane needs of a group's activations in one step: scales [block][token] of its two tokens.
struct TokenScales {
  float scale[2][2];
  float shift[2][2];  // -kMagic * scale
  float total[2][2];  // scale * sum of the int8; Q4_1 only
};

template <bool kMinimum>
__device__ __forceinline__ TokenScales LoadTokenScales(const uint8_t* scales, int lane) {
  TokenScales s = {};
  const float4 d = *reinterpret_cast<const float4*>(scales + lane % 4 * 16);
  s.scale[0][0] = d.x;
  s.scale[0][1] = d.y;
  s.scale[1][0] = d.z;
  s.scale[1][1] = d.w;
  JG_UNROLL
  for (int block = 0; block < 2; block++) {
    JG_UNROLL
    for (int c = 0; c < 2; c++) s.shift[block][c] = -kMagic * s.scale[block][c];
  }
  if (kMinimum) {
    const float4 total = *reinterpret_cast<const float4*>(scales + 64 + lane % 4 * 16);
    s.total[0][0] = total.x;
    s.total[0][1] = total.y;
    s.total[1][0] = total.z;
    s.total[1][1] = total.w;
  }
  return s;
}

// The halves of outputs g and g + 8 in one word.
__device__ __forceinline__ void WidenHalves(uint32_t halves, float (&values)[2]) {
  values[0] = HalfToFloat(static_cast<uint16_t>(halves & 0xffffu));
  values[1] = HalfToFloat(static_cast<uint16_t>(halves >> 16));
}

// A tile's scales (and minima) of one step: [block][output].
template <bool kMinimum>
__device__ __forceinline__ void LoadWeightScales(const uint8_t* scales, int lane, float (&d)[2][2],
                                                 float (&m)[2][2]) {
  if (kMinimum) {
    const uint4 words = *reinterpret_cast<const uint4*>(scales + lane / 4 * 16);
    WidenHalves(words.x, d[0]);
    WidenHalves(words.y, d[1]);
    WidenHalves(words.z, m[0]);
    WidenHalves(words.w, m[1]);
  } else {
    const uint2 words = *reinterpret_cast<const uint2*>(scales + lane / 4 * 8);
    WidenHalves(words.x, d[0]);
    WidenHalves(words.y, d[1]);
  }
}

// One block of one tile and group: w and x are the fragments, d and m the tile's scales of the
// block.
template <bool kMinimum>
__device__ __forceinline__ void MultiplyBlock(const uint32_t (&w)[4], const uint32_t (&x)[2],
                                              const float (&d)[2], const float (&m)[2],
                                              const TokenScales& s, int block, float (&sums)[4]) {
  int32_t dots[4];
  MmaS8From(dots, w, x, kMagicBits);
  JG_UNROLL
  for (int i = 0; i < 4; i++) {
    const int c = i % 2;
    const float dot = fmaf(__int_as_float(dots[i]), s.scale[block][c], s.shift[block][c]);
    sums[i] = fmaf(d[i / 2], dot, sums[i]);
    if (kMinimum) sums[i] = fmaf(m[i / 2], s.total[block][c], sums[i]);
  }
}

// One step for a Format that unpacks its fragments with LoadBlocks.
template <typename Format, int kTiles, int kGroups>
__device__ __forceinline__ void MultiplyBlocks(const uint8_t* weights, const uint8_t* tokens,
                                               int lane, float (&sums)[kTiles][kGroups][4]) {
  constexpr int32_t kDtype = Format::kDtype;
  constexpr bool kMinimum = kDtype == JG_Q4_1;
  constexpr int kTileBytes = Fragments(kDtype) * kFragmentBytes;
  uint32_t x[kGroups][4];
  TokenScales s[kGroups];
  JG_UNROLL
  for (int g = 0; g < kGroups; g++) {
    LoadFragment(x[g], tokens + g * kFragmentBytes, lane);
    s[g] =
        LoadTokenScales<kMinimum>(tokens + kGroups * kFragmentBytes + g * ScaleBytes(kDtype), lane);
  }
  JG_UNROLL
  for (int r = 0; r < kTiles; r++) {
    uint32_t w[2][4];
    Format::LoadBlocks(w, weights + r * kTileBytes, lane);
    float d[2][2];
    float m[2][2] = {};
    LoadWeightScales<kMinimum>(weights + kTiles * kTileBytes + r * ScaleBytes(kDtype), lane, d, m);
    JG_UNROLL
    for (int block = 0; block < 2; block++) {
      JG_UNROLL
      for (int g = 0; g < kGroups; g++) {
        const uint32_t b[2] = {x[g][2 * block], x[g][2 * block + 1]};
        MultiplyBlock<kMinimum>(w[block], b, d[block], m[block], s[g], block, sums[r][g]);
      }
    }
  }
}

}  // namespace jangle
