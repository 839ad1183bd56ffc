// mma.sync and movmatrix of one warp; fragment layouts as in cuda-kernels/ptx/mma.cuh. The last
// lane to come gathers the fragments, multiplies and scatters.
//
// Sums of floats as on an A100 or an RTX 4090: eight products at a time, exact, and the sum so far
// are cut to a multiple of the unit in the last place of the largest of the nine, with kGuardBits
// more; their sum is cut to a float. An H100 adds sixteen at a time and keeps two guard bits, so it
// errs less. Fasi, Higham, Mikaitis, Pranesh, "Numerical behavior of NVIDIA tensor cores", 2021;
// later GPUs: arXiv 2512.07004. The eight columns are the eight lanes of a vector, so they cannot
// influence each other.

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

constexpr int kAtOnce = 8;
constexpr int kGuardBits = 1;
constexpr int kMantissaBits = 23;
constexpr int kBias = 127;  // of a float's exponent

// d + a[0] b[0] + ... of kAtOnce products, the elements of b kN apart.
float AddProducts(const float* a, const float* b, float d) {
  float terms[kAtOnce + 1];
  float largest = std::fabs(d);
  bool finite = std::isfinite(d);
  for (int k = 0; k < kAtOnce; k++) {
    terms[k] = a[k] * b[k * kN];  // exact, but where it leaves f32's range
    finite = finite && std::isfinite(terms[k]);
    largest = std::fmax(largest, std::fabs(terms[k]));
  }
  if (!finite) {
    for (int k = 0; k < kAtOnce; k++) d += terms[k];
    return d;
  }
  if (largest == 0.0f) return 0.0f;
  terms[kAtOnce] = d;
  const double unit = std::ldexp(1.0, std::ilogb(largest) - kMantissaBits - kGuardBits);
  double sum = 0;
  for (const float term : terms) sum += std::trunc(static_cast<double>(term) / unit);
  sum *= unit;
  const auto nearest = static_cast<float>(sum);
  const bool too_large = std::fabs(static_cast<double>(nearest)) > std::fabs(sum);
  return too_large && std::isfinite(nearest) ? std::nextafter(nearest, 0.0f) : nearest;
}

void Multiply(Floats& m) {
  for (int row = 0; row < kM; row++) {
    for (int k = 0; k < 16; k += kAtOnce) {
      for (int n = 0; n < kN; n++) {
        m.d[row][n] = AddProducts(m.a[row] + k, m.b[k] + n, m.d[row][n]);
      }
    }
  }
}

// The same in 32-bit integers, where exponents allow it.
__attribute__((target("avx2"))) void MultiplyAvx2(Floats& m) {
  constexpr int kShift = kMantissaBits + kGuardBits;
  static_assert(kShift + 1 + 4 < 32);  // bits of a term, and of a sum of nine
  const __m256i magnitude_bits = _mm256_set1_epi32(0x7fffffff);
  const __m256i exponent_bits = _mm256_set1_epi32(0x7f800000);
  // 2^kShift / 2^e in bits is this less those of 2^e; the like for its inverse.
  const __m256i scale_bits = _mm256_set1_epi32((2 * kBias + kShift) << kMantissaBits);
  const __m256i unit_bits = _mm256_set1_epi32(kShift << kMantissaBits);
  for (int row = 0; row < kM; row++) {
    __m256 d = _mm256_load_ps(m.d[row]);
    for (int k = 0; k < 16; k += kAtOnce) {
      __m256 products[kAtOnce];
      __m256i largest = _mm256_and_si256(_mm256_castps_si256(d), magnitude_bits);
      for (int i = 0; i < kAtOnce; i++) {
        products[i] = _mm256_mul_ps(_mm256_set1_ps(m.a[row][k + i]), _mm256_load_ps(m.b[k + i]));
        largest = _mm256_max_epi32(
            largest, _mm256_and_si256(_mm256_castps_si256(products[i]), magnitude_bits));
      }
      const __m256i exponents = _mm256_and_si256(largest, exponent_bits);
      // Zeros alone come to zero at any scale.
      const __m256i zero = _mm256_cmpeq_epi32(largest, _mm256_setzero_si256());
      const __m256i too_small = _mm256_andnot_si256(
          zero, _mm256_cmpgt_epi32(_mm256_set1_epi32((kShift + 1) << kMantissaBits), exponents));
      const __m256i not_finite = _mm256_cmpeq_epi32(exponents, exponent_bits);
      if (_mm256_movemask_epi8(_mm256_or_si256(too_small, not_finite)) != 0) {
        alignas(32) float sums[kN];
        _mm256_store_ps(sums, d);
        for (int n = 0; n < kN; n++) sums[n] = AddProducts(m.a[row] + k, m.b[k] + n, sums[n]);
        d = _mm256_load_ps(sums);
        continue;
      }
      const __m256i within =
          _mm256_blendv_epi8(exponents, _mm256_set1_epi32(kBias << kMantissaBits), zero);
      const __m256 scale = _mm256_castsi256_ps(_mm256_sub_epi32(scale_bits, within));
      const __m256 unit = _mm256_castsi256_ps(_mm256_sub_epi32(within, unit_bits));
      __m256i sum = _mm256_cvttps_epi32(_mm256_mul_ps(d, scale));
      for (int i = 0; i < kAtOnce; i++) {
        sum = _mm256_add_epi32(sum, _mm256_cvttps_epi32(_mm256_mul_ps(products[i], scale)));
      }
      // To the nearest float, and one back where that was away from zero.
      const __m256 nearest = _mm256_cvtepi32_ps(sum);
      const __m256i too_large =
          _mm256_cmpgt_epi32(_mm256_abs_epi32(_mm256_cvtps_epi32(nearest)), _mm256_abs_epi32(sum));
      const __m256 cut =
          _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(nearest), too_large));
      d = _mm256_mul_ps(cut, unit);
    }
    _mm256_store_ps(m.d[row], d);
  }
}

const bool has_avx2 = __builtin_cpu_supports("avx2");

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
  if (has_avx2) {
    MultiplyAvx2(m);
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
  if (has_avx2) {
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
