// mma.sync and movmatrix of one warp; fragment layouts as in cuda-kernels/ptx/mma.cuh. The last
// lane to come gathers the fragments, multiplies and scatters. Sums of floats: for every output a
// chain of fused multiply-adds, k ascending, that starts from d. The eight columns are the eight
// lanes of a vector, so they cannot influence each other.

#include <immintrin.h>

#include <cmath>
#include <cstring>

#include "block.h"
#include "emulation/device.h"

namespace jangle::emulation {
namespace {

constexpr int kM = 16;
constexpr int kN = 8;

template <typename D>
struct Operands {
  D* d;
  const uint32_t* a;
  const uint32_t* b;
};

// The matrices of one m16n8k16 product.
struct Floats {
  float a[kM][16];
  alignas(32) float b[16][kN];
  alignas(32) float d[kM][kN];
};

void Multiply(Floats& m) {
  for (int row = 0; row < kM; row++) {
    for (int k = 0; k < 16; k++) {
      for (int n = 0; n < kN; n++) {
        m.d[row][n] = std::fmaf(m.a[row][k], m.b[k][n], m.d[row][n]);
      }
    }
  }
}

__attribute__((target("avx2,fma"))) void MultiplyFma(Floats& m) {
  for (int row = 0; row < kM; row += 4) {
    __m256 d0 = _mm256_load_ps(m.d[row]);
    __m256 d1 = _mm256_load_ps(m.d[row + 1]);
    __m256 d2 = _mm256_load_ps(m.d[row + 2]);
    __m256 d3 = _mm256_load_ps(m.d[row + 3]);
    for (int k = 0; k < 16; k++) {
      const __m256 b = _mm256_load_ps(m.b[k]);
      d0 = _mm256_fmadd_ps(_mm256_set1_ps(m.a[row][k]), b, d0);
      d1 = _mm256_fmadd_ps(_mm256_set1_ps(m.a[row + 1][k]), b, d1);
      d2 = _mm256_fmadd_ps(_mm256_set1_ps(m.a[row + 2][k]), b, d2);
      d3 = _mm256_fmadd_ps(_mm256_set1_ps(m.a[row + 3][k]), b, d3);
    }
    _mm256_store_ps(m.d[row], d0);
    _mm256_store_ps(m.d[row + 1], d1);
    _mm256_store_ps(m.d[row + 2], d2);
    _mm256_store_ps(m.d[row + 3], d3);
  }
}

const bool has_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");

struct Bf16 {
  static float Widen(uint32_t bits) { return std::bit_cast<float>(bits << 16); }
};
struct Half {
  static float Widen(uint32_t bits) { return HalfToFloat(static_cast<uint16_t>(bits)); }
};

template <typename Format>
void ComputeFloat(void* const* lanes, uint32_t) {
  Floats m;
  for (int lane = 0; lane < kWarp; lane++) {
    const auto& mine = *static_cast<const Operands<float>*>(lanes[lane]);
    const int g = lane / 4;
    const int t = lane % 4;
    for (int half = 0; half < 2; half++) {
      for (int low = 0; low < 2; low++) {
        const int k = 2 * t + 8 * half + low;
        m.a[g][k] = Format::Widen(mine.a[2 * half] >> (16 * low) & 0xffffu);
        m.a[g + 8][k] = Format::Widen(mine.a[2 * half + 1] >> (16 * low) & 0xffffu);
        m.b[k][g] = Format::Widen(mine.b[half] >> (16 * low) & 0xffffu);
      }
    }
    m.d[g][2 * t] = mine.d[0];
    m.d[g][2 * t + 1] = mine.d[1];
    m.d[g + 8][2 * t] = mine.d[2];
    m.d[g + 8][2 * t + 1] = mine.d[3];
  }
  if (has_fma) {
    MultiplyFma(m);
  } else {
    Multiply(m);
  }
  for (int lane = 0; lane < kWarp; lane++) {
    float* d = static_cast<const Operands<float>*>(lanes[lane])->d;
    const int g = lane / 4;
    const int t = lane % 4;
    d[0] = m.d[g][2 * t];
    d[1] = m.d[g][2 * t + 1];
    d[2] = m.d[g + 8][2 * t];
    d[3] = m.d[g + 8][2 * t + 1];
  }
}

// The matrices of one m16n8k32 product; in B, pairs along k side by side.
struct Integers {
  int8_t a[kM][32];
  int8_t b[16][kN][2];
  int32_t d[kM][kN];
};

// Sums wrap around.
void Multiply(Integers& m) {
  for (int row = 0; row < kM; row++) {
    for (int k = 0; k < 16; k++) {
      for (int n = 0; n < kN; n++) {
        const int pair = m.a[row][2 * k] * m.b[k][n][0] + m.a[row][2 * k + 1] * m.b[k][n][1];
        m.d[row][n] =
            static_cast<int32_t>(static_cast<uint32_t>(m.d[row][n]) + static_cast<uint32_t>(pair));
      }
    }
  }
}

__attribute__((target("avx2"))) void MultiplyAvx2(Integers& m) {
  __m256i b[16];
  for (int k = 0; k < 16; k++) {
    b[k] = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(m.b[k])));
  }
  for (int row = 0; row < kM; row++) {
    int32_t pairs[16];
    for (int half = 0; half < 2; half++) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(m.a[row] + 16 * half));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(pairs + 8 * half),
                          _mm256_cvtepi8_epi16(bytes));
    }
    __m256i d = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(m.d[row]));
    for (int k = 0; k < 16; k++) {
      d = _mm256_add_epi32(d, _mm256_madd_epi16(_mm256_set1_epi32(pairs[k]), b[k]));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(m.d[row]), d);
  }
}

void ComputeS8(void* const* lanes, uint32_t) {
  Integers m;
  for (int lane = 0; lane < kWarp; lane++) {
    const auto& mine = *static_cast<const Operands<int32_t>*>(lanes[lane]);
    const int g = lane / 4;
    const int t = lane % 4;
    for (int half = 0; half < 2; half++) {
      const int k = 4 * t + 16 * half;
      std::memcpy(&m.a[g][k], &mine.a[2 * half], 4);
      std::memcpy(&m.a[g + 8][k], &mine.a[2 * half + 1], 4);
      const uint16_t pairs[2] = {static_cast<uint16_t>(mine.b[half]),
                                 static_cast<uint16_t>(mine.b[half] >> 16)};
      std::memcpy(m.b[k / 2][g], &pairs[0], 2);
      std::memcpy(m.b[k / 2 + 1][g], &pairs[1], 2);
    }
    m.d[g][2 * t] = mine.d[0];
    m.d[g][2 * t + 1] = mine.d[1];
    m.d[g + 8][2 * t] = mine.d[2];
    m.d[g + 8][2 * t + 1] = mine.d[3];
  }
  if (has_fma) {
    MultiplyAvx2(m);
  } else {
    Multiply(m);
  }
  for (int lane = 0; lane < kWarp; lane++) {
    int32_t* d = static_cast<const Operands<int32_t>*>(lanes[lane])->d;
    const int g = lane / 4;
    const int t = lane % 4;
    d[0] = m.d[g][2 * t];
    d[1] = m.d[g][2 * t + 1];
    d[2] = m.d[g + 8][2 * t];
    d[3] = m.d[g + 8][2 * t + 1];
  }
}

struct TransposeOperands {
  uint32_t elements;
  uint32_t transposed;
};

void ComputeTranspose(void* const* lanes, uint32_t) {
  uint16_t matrix[8][8];
  for (int lane = 0; lane < kWarp; lane++) {
    const uint32_t elements = static_cast<const TransposeOperands*>(lanes[lane])->elements;
    std::memcpy(&matrix[lane / 4][lane % 4 * 2], &elements, 4);
  }
  for (int lane = 0; lane < kWarp; lane++) {
    const uint32_t low = matrix[lane % 4 * 2][lane / 4];
    const uint32_t high = matrix[lane % 4 * 2 + 1][lane / 4];
    static_cast<TransposeOperands*>(lanes[lane])->transposed = low | high << 16;
  }
}

}  // namespace

uint32_t MovmatrixTransposed(uint32_t elements) {
  const Call call;
  TransposeOperands operands{elements, 0};
  Meet(call.fiber(), 0xffffffffu, ComputeTranspose, &operands, "movmatrix");
  return operands.transposed;
}

void MmaBf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  const Call call;
  Operands<float> operands{d, a, b};
  Meet(call.fiber(), 0xffffffffu, ComputeFloat<Bf16>, &operands, "mma");
}

void MmaF16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  const Call call;
  Operands<float> operands{d, a, b};
  Meet(call.fiber(), 0xffffffffu, ComputeFloat<Half>, &operands, "mma");
}

void MmaS8(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  const Call call;
  Operands<int32_t> operands{d, a, b};
  Meet(call.fiber(), 0xffffffffu, ComputeS8, &operands, "mma");
}

}  // namespace jangle::emulation
