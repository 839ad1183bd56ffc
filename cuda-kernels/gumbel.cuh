// Gumbel noise from a counter-based generator, for sampling by argmax: the token with the largest
// logit / temperature + noise is a draw from the softmax (Gumbel-max trick). The same generator,
// counters and words as on the CPU (cpu-kernels/gumbel.h); only the logarithms round differently.
//
// Generator: Philox4x32-10 (J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC
// 2011), key = the two words of the seed, low first. The counter of token t at position p is (t /
// 64 * 16 + t % 16, p, 0, 0) and its word is number t / 16 % 4 of the four.
//
// A word x gives v = (x + 1/2) / 2^32, at most 1 - 2^-24, and the noise -ln(-ln(1 - v)). Noise is
// large where v is small, and there v has full relative precision: the tail reaches 22.9, not
// the 16.6 of a 24-bit uniform.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "unroll.cuh"

namespace jangle {

// No noise is above this (that of word 0 is 22.87).
inline constexpr float kMostNoise = 23.0f;

struct Random4 {
  uint32_t word[4];
};

// The ten rounds for the counter (c0, c1, 0, 0).
__device__ __forceinline__ Random4 Philox(uint32_t c0, uint32_t c1, uint64_t seed) {
  Random4 c = {{c0, c1, 0, 0}};
  auto key0 = static_cast<uint32_t>(seed);
  auto key1 = static_cast<uint32_t>(seed >> 32);
  JG_UNROLL
  for (int round = 0; round < 10; round++) {
    const uint64_t a = static_cast<uint64_t>(c.word[0]) * 0xD2511F53u;
    const uint64_t b = static_cast<uint64_t>(c.word[2]) * 0xCD9E8D57u;
    c = {{static_cast<uint32_t>(b >> 32) ^ c.word[1] ^ key0, static_cast<uint32_t>(b),
          static_cast<uint32_t>(a >> 32) ^ c.word[3] ^ key1, static_cast<uint32_t>(a)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

// v of a word.
__device__ __forceinline__ float Uniform(uint32_t x) {
  // The upper 23 and the lower 9 bits as exact floats, joined with one rounding.
  const float upper = __uint_as_float((x >> 9) | 0x3f800000u) - 1.0f;
  const float lower = __uint_as_float((x & 0x1ffu) | 0x4b000000u) - 0x1p23f;
  return fminf(fmaf(lower + 0.5f, 0x1p-32f, upper), 1.0f - 0x1p-24f);
}

__device__ __forceinline__ float GumbelNoise(float v) {
  // ln(1 - v) = ln(u) + c / u, with u = 1 - v rounded and c what the rounding lost.
  const float u = 1.0f - v;
  const float c = (1.0f - u) - v;
  return -logf(-(logf(u) + c / u));
}

// A cheap bound that the noise of v is below: -ln(-ln(1 - v)) < -ln(v), and v >= 2^e by its
// exponent.
__device__ __forceinline__ float NoiseBound(float v) {
  const int e = static_cast<int>(__float_as_uint(v) >> 23) - 127;
  return fmaf(static_cast<float>(e), -0.693147181f, 0.01f);
}

}  // namespace jangle
