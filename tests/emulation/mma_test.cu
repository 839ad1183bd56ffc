// mma.sync, ldmatrix and movmatrix: small integers, for which every order of summation is exact,
// against a plain loop; independence of columns; the emulation's order of summation.

#include <cmath>
#include <cstring>
#include <limits>

#include "device_array.h"
#include "launch.cuh"
#include "native/check.h"
#include "ptx/convert.cuh"
#include "ptx/ldmatrix.cuh"
#include "ptx/mma.cuh"
#include "ptx/movmatrix.cuh"

namespace jangle::test {
namespace {

// Matrices in memory, row-major; `Element` holds the bits of one element.
template <typename Element, typename Sum, int kK>
struct Problem {
  Element a[16][kK];
  Element b[kK][8];
  Sum d[16][8];
};
using Floats = Problem<uint16_t, float, 16>;
using Bytes = Problem<int8_t, int32_t, 32>;

// `kEach` neighbours along k in one register, the lowest in the low bits.
template <int kEach, typename At>
__device__ __forceinline__ uint32_t Pack(At at) {
  uint32_t bits = 0;
  for (int i = 0; i < kEach; i++) {
    bits |= (static_cast<uint32_t>(at(i)) & (kEach == 2 ? 0xffffu : 0xffu)) << (i * 32 / kEach);
  }
  return bits;
}

enum class Format { kBf16, kF16, kS8 };

template <Format kFormat, typename P>
__global__ void Multiply(P* problem) {
  constexpr int kEach = kFormat == Format::kS8 ? 4 : 2;
  const int g = static_cast<int>(threadIdx.x) / 4;
  const int t = static_cast<int>(threadIdx.x) % 4;
  P& p = problem[blockIdx.x];
  uint32_t a[4];
  uint32_t b[2];
  for (int half = 0; half < 2; half++) {
    const int k = kEach * t + 4 * kEach * half;
    a[2 * half] = Pack<kEach>([&](int i) { return p.a[g][k + i]; });
    a[2 * half + 1] = Pack<kEach>([&](int i) { return p.a[g + 8][k + i]; });
    b[half] = Pack<kEach>([&](int i) { return p.b[k + i][g]; });
  }
  std::remove_reference_t<decltype(p.d[0][0])> d[4] = {p.d[g][2 * t], p.d[g][2 * t + 1],
                                                       p.d[g + 8][2 * t], p.d[g + 8][2 * t + 1]};
  if constexpr (kFormat == Format::kBf16) MmaBf16(d, a, b);
  if constexpr (kFormat == Format::kF16) MmaF16(d, a, b);
  if constexpr (kFormat == Format::kS8) MmaS8(d, a, b);
  p.d[g][2 * t] = d[0];
  p.d[g][2 * t + 1] = d[1];
  p.d[g + 8][2 * t] = d[2];
  p.d[g + 8][2 * t + 1] = d[3];
}

template <Format kFormat, typename P>
P Run(const P& problem) {
  const DeviceArray<P> memory(std::vector<P>(1, problem));
  CHECK_EQ(Launch(Multiply<kFormat, P>, dim3(1), dim3(32), 0, nullptr, memory.data()), cudaSuccess);
  return memory.Download()[0];
}

template <Format kFormat>
uint16_t ToBits(float value) {
  return kFormat == Format::kF16 ? FloatToHalf(value) : FloatToBf16(value);
}

template <Format kFormat>
void CheckIntegers() {
  Floats p;
  float a[16][16];
  float b[16][8];
  for (int i = 0; i < 16; i++) {
    for (int k = 0; k < 16; k++) a[i][k] = static_cast<float>((i * 7 + k * 3) % 17 - 8);
    for (int n = 0; n < 8; n++) b[i][n] = static_cast<float>((i * 5 + n * 11) % 13 - 6);
    for (int k = 0; k < 16; k++) p.a[i][k] = ToBits<kFormat>(a[i][k]);
    for (int n = 0; n < 8; n++) p.b[i][n] = ToBits<kFormat>(b[i][n]);
    for (int n = 0; n < 8; n++) p.d[i][n] = static_cast<float>(i * 100 + n);
  }
  const Floats found = Run<kFormat>(p);
  for (int i = 0; i < 16; i++) {
    for (int n = 0; n < 8; n++) {
      float want = p.d[i][n];
      for (int k = 0; k < 16; k++) want += a[i][k] * b[k][n];
      CHECK_CONTEXT("row %d, column %d", i, n);
      CHECK_BITS(found.d[i][n], want);
    }
  }
}

// Values whose sums round, in every column; column `spoilt` of B is then all NaN.
template <Format kFormat>
void CheckColumns() {
  Floats p;
  for (int i = 0; i < 16; i++) {
    for (int k = 0; k < 16; k++) p.a[i][k] = ToBits<kFormat>(std::sin(float(i * 16 + k)) * 3);
    for (int n = 0; n < 8; n++) p.b[i][n] = ToBits<kFormat>(std::cos(float(i * 8 + n)) * 5);
    for (int n = 0; n < 8; n++) p.d[i][n] = std::sin(float(n - i));
  }
  const Floats whole = Run<kFormat>(p);
  for (int spoilt = 0; spoilt < 8; spoilt++) {
    Floats q = p;
    for (int k = 0; k < 16; k++) {
      q.b[k][spoilt] = ToBits<kFormat>(std::numeric_limits<float>::quiet_NaN());
    }
    const Floats found = Run<kFormat>(q);
    for (int i = 0; i < 16; i++) {
      for (int n = 0; n < 8; n++) {
        CHECK_CONTEXT("row %d, column %d, %d spoilt", i, n, spoilt);
        if (n == spoilt) {
          CHECK(std::isnan(found.d[i][n]));
          continue;
        }
        CHECK_BITS(found.d[i][n], whole.d[i][n]);
        float want = p.d[i][n];
        for (int k = 0; k < 16; k++) {
          const auto widen = [](uint16_t bits) {
            return kFormat == Format::kF16 ? HalfToFloat(bits) : Bf16ToFloat(bits);
          };
          want = std::fmaf(widen(p.a[i][k]), widen(p.b[k][n]), want);
        }
        CHECK_BITS(found.d[i][n], want);
      }
    }
  }
}

__global__ void LoadMatrices(uint32_t* out, bool transposed) {
  uint16_t* words = &SharedMemory<uint16_t>();
  for (unsigned i = threadIdx.x; i < 256; i += 32) words[i] = static_cast<uint16_t>(i);
  __syncthreads();
  uint32_t r[4];
  if (transposed) {
    Ldmatrix4Transposed(r, words + 8 * threadIdx.x);
  } else {
    Ldmatrix4(r, words + 8 * threadIdx.x);
  }
  for (int i = 0; i < 4; i++) out[threadIdx.x * 4 + static_cast<unsigned>(i)] = r[i];
}

__global__ void Transpose(uint32_t* words) {
  words[threadIdx.x] = MovmatrixTransposed(words[threadIdx.x]);
}

}  // namespace

TEST(mma_small_integers) {
  CheckIntegers<Format::kBf16>();
  CheckIntegers<Format::kF16>();
}

TEST(mma_columns_are_independent) {
  CheckColumns<Format::kBf16>();
  CheckColumns<Format::kF16>();
}

TEST(mma_bytes) {
  Bytes p;
  for (int i = 0; i < 32; i++) {
    for (int m = 0; m < 16; m++) p.a[m][i] = static_cast<int8_t>(i * 37 + m * 101);
    for (int n = 0; n < 8; n++) p.b[i][n] = static_cast<int8_t>(i * 53 - n * 29);
  }
  p.a[0][0] = p.a[0][1] = -128;
  p.b[0][0] = p.b[1][0] = -128;
  for (int m = 0; m < 16; m++) {
    for (int n = 0; n < 8; n++) p.d[m][n] = m * 1000 - n;
  }
  p.d[3][3] = 0x7fffffff;  // sums wrap around
  const Bytes found = Run<Format::kS8>(p);
  for (int m = 0; m < 16; m++) {
    for (int n = 0; n < 8; n++) {
      uint32_t want = static_cast<uint32_t>(p.d[m][n]);
      for (int k = 0; k < 32; k++) want += static_cast<uint32_t>(p.a[m][k] * p.b[k][n]);
      CHECK_CONTEXT("row %d, column %d", m, n);
      CHECK_EQ(found.d[m][n], static_cast<int32_t>(want));
    }
  }
}

TEST(mma_ldmatrix) {
  const DeviceArray<uint32_t> out(128);
  for (const bool transposed : {false, true}) {
    CHECK_EQ(Launch(LoadMatrices, dim3(1), dim3(32), 512, nullptr, out.data(), transposed),
             cudaSuccess);
    const std::vector<uint32_t> found = out.Download();
    for (uint32_t lane = 0; lane < 32; lane++) {
      for (uint32_t i = 0; i < 4; i++) {
        const uint32_t row = lane / 4;
        const uint32_t column = 2 * (lane % 4);
        const auto element = [&](uint32_t r, uint32_t c) {
          return 64 * i + (transposed ? 8 * c + r : 8 * r + c);
        };
        CHECK_CONTEXT("lane %u, matrix %u", lane, i);
        CHECK_EQ(found[lane * 4 + i], element(row, column) | element(row, column + 1) << 16);
      }
    }
  }
}

TEST(mma_movmatrix) {
  std::vector<uint32_t> words(32);
  const auto element = [](uint32_t row, uint32_t column) { return 1000 * row + column; };
  for (uint32_t lane = 0; lane < 32; lane++) {
    words[lane] = element(lane / 4, lane % 4 * 2) | element(lane / 4, lane % 4 * 2 + 1) << 16;
  }
  const DeviceArray<uint32_t> memory(words);
  CHECK_EQ(Launch(Transpose, dim3(1), dim3(32), 0, nullptr, memory.data()), cudaSuccess);
  const std::vector<uint32_t> found = memory.Download();
  for (uint32_t lane = 0; lane < 32; lane++) {
    CHECK_CONTEXT("lane %u", lane);
    CHECK_EQ(found[lane], element(lane % 4 * 2, lane / 4) | element(lane % 4 * 2 + 1, lane / 4)
                                                                << 16);
  }
}

}  // namespace jangle::test
