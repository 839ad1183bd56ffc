// mma.sync, ldmatrix and movmatrix: small integers, for which every order of summation is exact,
// against a plain loop; what a column of the product depends on; what the emulation's sums lose.
//
// All but the last is asked of a GPU too (mma_test_cuda): there it is the emulation, and the
// promise of the same bits for one row and for many, that are tested.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "device_array.h"
#include "launch.cuh"
#include "native/check.h"
#include "native/random.h"
#include "ptx/convert.cuh"
#include "ptx/ldmatrix.cuh"
#include "ptx/mma_s8_from.cuh"
#include "ptx/movmatrix.cuh"

namespace jangle::test {
namespace {

// Matrices in memory, row-major. Floats are values that both 16-bit formats have.
template <typename Element, typename Sum, int kK>
struct Problem {
  Element a[16][kK];
  Element b[kK][8];
  Sum d[16][8];
};
using Floats = Problem<float, float, 16>;
using Bytes = Problem<int8_t, int32_t, 32>;

enum class Format { kBf16, kF16, kS8 };

template <Format kFormat, typename Element>
__device__ __forceinline__ uint32_t ToBits(Element value) {
  if constexpr (kFormat == Format::kBf16) return FloatToBf16(value);
  if constexpr (kFormat == Format::kF16) return FloatToHalf(value);
  if constexpr (kFormat == Format::kS8) return static_cast<uint8_t>(value);
}

// Neighbours along k in one register, the lowest in the low bits.
template <Format kFormat, typename At>
__device__ __forceinline__ uint32_t Pack(At at) {
  constexpr int kEach = kFormat == Format::kS8 ? 4 : 2;
  uint32_t bits = 0;
  for (int i = 0; i < kEach; i++) bits |= ToBits<kFormat>(at(i)) << (i * 32 / kEach);
  return bits;
}

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
    a[2 * half] = Pack<kFormat>([&](int i) { return p.a[g][k + i]; });
    a[2 * half + 1] = Pack<kFormat>([&](int i) { return p.a[g + 8][k + i]; });
    b[half] = Pack<kFormat>([&](int i) { return p.b[k + i][g]; });
  }
  std::remove_reference_t<decltype(p.d[0][0])> d[4] = {p.d[g][2 * t], p.d[g][2 * t + 1],
                                                       p.d[g + 8][2 * t], p.d[g + 8][2 * t + 1]};
  if constexpr (kFormat == Format::kBf16) MmaBf16(d, a, b);
  if constexpr (kFormat == Format::kF16) MmaF16(d, a, b);
  if constexpr (kFormat == Format::kS8) MmaS8From(d, a, b, d[0]);
  p.d[g][2 * t] = d[0];
  p.d[g][2 * t + 1] = d[1];
  p.d[g + 8][2 * t] = d[2];
  p.d[g + 8][2 * t + 1] = d[3];
}

template <Format kFormat, typename P>
std::vector<P> RunAll(const std::vector<P>& problems) {
  const DeviceArray<P> memory(problems);
  CHECK_EQ(Launch(Multiply<kFormat, P>, dim3(static_cast<unsigned>(problems.size())), dim3(32), 0,
                  nullptr, memory.data()),
           cudaSuccess);
  return memory.Download();
}

template <Format kFormat, typename P>
P Run(const P& problem) {
  return RunAll<kFormat>(std::vector<P>(1, problem))[0];
}

// The nearest value of 8 significant bits, which is one of either format where it is not too small.
float Representable(float value) {
  int exponent = 0;
  const float mantissa = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(mantissa, 8)), exponent - 8);
}

template <Format kFormat>
void CheckIntegers() {
  Floats p;
  for (int i = 0; i < 16; i++) {
    for (int k = 0; k < 16; k++) p.a[i][k] = static_cast<float>((i * 7 + k * 3) % 17 - 8);
    for (int n = 0; n < 8; n++) p.b[i][n] = static_cast<float>((i * 5 + n * 11) % 13 - 6);
    for (int n = 0; n < 8; n++) p.d[i][n] = static_cast<float>(i * 100 + n);
  }
  const Floats found = Run<kFormat>(p);
  for (int i = 0; i < 16; i++) {
    for (int n = 0; n < 8; n++) {
      float want = p.d[i][n];
      for (int k = 0; k < 16; k++) want += p.a[i][k] * p.b[k][n];
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
    for (int k = 0; k < 16; k++) p.a[i][k] = Representable(std::sin(float(i * 16 + k)) * 3);
    for (int n = 0; n < 8; n++) p.b[i][n] = Representable(std::cos(float(i * 8 + n)) * 5);
    for (int n = 0; n < 8; n++) p.d[i][n] = std::sin(float(n - i));
  }
  const Floats whole = Run<kFormat>(p);
  for (int spoilt = 0; spoilt < 8; spoilt++) {
    Floats q = p;
    for (int k = 0; k < 16; k++) q.b[k][spoilt] = std::numeric_limits<float>::quiet_NaN();
    const Floats found = Run<kFormat>(q);
    for (int i = 0; i < 16; i++) {
      for (int n = 0; n < 8; n++) {
        CHECK_CONTEXT("row %d, column %d, %d spoilt", i, n, spoilt);
        if (n == spoilt) {
          CHECK(std::isnan(found.d[i][n]));
          continue;
        }
        CHECK_BITS(found.d[i][n], whole.d[i][n]);
      }
    }
  }
}

// Of wide range, so that sums cancel and lose low bits, as a tensor core may its own way.
float Wide(Random& random) {
  return std::ldexp(Representable(random.Normal()), static_cast<int>(random.Below(13)) - 6);
}

// A column of B, with its sums so far in D, at each of the eight positions; the other columns hold
// ordinary values, or one of them infinities, or one NaN.
template <Format kFormat>
void CheckPositions() {
  constexpr int kTrials = 200;
  Random random(1);
  std::vector<Floats> problems;
  for (int trial = 0; trial < kTrials; trial++) {
    Floats p;
    for (auto& row : p.a) {
      for (float& value : row) value = Wide(random);
    }
    float b[16];
    float d[16];
    for (float& value : b) value = Wide(random);
    for (float& value : d) value = Wide(random) * random.Normal();
    for (int position = 0; position < 8; position++) {
      for (int i = 0; i < 16; i++) {
        for (int n = 0; n < 8; n++) {
          p.b[i][n] = Wide(random);
          p.d[i][n] = random.Normal();
        }
        if (trial % 3 == 1) p.b[i][7 - position] = std::numeric_limits<float>::infinity();
        if (trial % 3 == 2) p.b[i][7 - position] = std::numeric_limits<float>::quiet_NaN();
        p.b[i][position] = b[i];
        p.d[i][position] = d[i];
      }
      problems.push_back(p);
    }
  }
  const std::vector<Floats> found = RunAll<kFormat>(problems);
  for (size_t at = 0; at < found.size(); at++) {
    const size_t position = at % 8;
    const Floats& first = found[at - position];
    for (size_t i = 0; i < 16; i++) {
      CHECK_CONTEXT("row %zu at position %zu, trial %zu", i, position, at / 8);
      CHECK(std::isfinite(found[at].d[i][position]));
      CHECK_BITS(found[at].d[i][position], first.d[i][0]);
    }
  }
}

#ifdef JANGLE_EMULATION
// d plus the products of a row of A and column n of B, as native-build/emulation/mma.cpp says.
float TruncatedSum(const float (&a)[16], const float (&b)[16][8], int n, float d) {
  for (int begin = 0; begin < 16; begin += 8) {
    std::vector<double> terms(1, static_cast<double>(d));
    for (int k = begin; k < begin + 8; k++) {
      terms.push_back(static_cast<double>(a[k]) * static_cast<double>(b[k][n]));
    }
    int most = std::numeric_limits<int>::min();
    for (const double term : terms) {
      if (term != 0) most = std::max(most, std::ilogb(term));
    }
    double sum = 0;
    for (const double term : terms) {
      if (term != 0) sum += std::ldexp(std::trunc(std::ldexp(term, 24 - most)), most - 24);
    }
    int exponent = 0;
    const double mantissa = std::frexp(sum, &exponent);
    d = static_cast<float>(std::ldexp(std::trunc(std::ldexp(mantissa, 24)), exponent - 24));
  }
  return d;
}

template <Format kFormat>
void CheckTruncatedSums() {
  Random random(2);
  const auto element = [&random] {
    const float value = Wide(random);
    return kFormat == Format::kF16 ? HalfToFloat(FloatToHalf(value)) : value;
  };
  for (int trial = 0; trial < 200; trial++) {
    Floats p;
    for (int i = 0; i < 16; i++) {
      for (float& value : p.a[i]) value = element();
      for (float& value : p.b[i]) value = trial % 8 == 0 ? 0.0f : element();
      for (float& value : p.d[i]) value = trial % 4 == 0 ? 0.0f : Wide(random) * random.Normal();
      // Sums in the range of subnormals, which are added another way.
      if (trial == 1) p.d[i][0] = std::ldexp(random.Normal(), -140);
      if (trial == 1) p.b[i][0] = 0.0f;
    }
    const Floats found = Run<kFormat>(p);
    for (int i = 0; i < 16; i++) {
      for (int n = 0; n < 8; n++) {
        CHECK_CONTEXT("row %d, column %d, trial %d", i, n, trial);
        CHECK_BITS(found.d[i][n], TruncatedSum(p.a[i], p.b, n, p.d[i][n]));
      }
    }
  }
}
#endif

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

__global__ void PackPairs(const float* values, uint32_t* halves) {
  halves[threadIdx.x] = PackHalf2Saturated(values[2 * threadIdx.x], values[2 * threadIdx.x + 1]);
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

TEST(mma_column_has_the_same_bits_at_every_position) {
  CheckPositions<Format::kBf16>();
  CheckPositions<Format::kF16>();
}

#ifdef JANGLE_EMULATION
TEST(mma_truncates_its_sums) {
  CheckTruncatedSums<Format::kBf16>();
  CheckTruncatedSums<Format::kF16>();
}

// Products of half an ulp of the sum so far count, eight of them as four ulp; a quarter is lost,
// and so is what the sum has beyond its last bit.
TEST(mma_keeps_one_guard_bit) {
  const auto sum = [](float d, float product, int count) {
    Floats p = {};
    for (int k = 0; k < count; k++) {
      p.a[0][k] = product * 0x1p12f;
      p.b[k][0] = 0x1p-12f;
    }
    p.d[0][0] = d;
    return Run<Format::kF16>(p).d[0][0];
  };
  CHECK_BITS(sum(1, 0x1p-24f, 8), 1 + 0x1p-21f);
  CHECK_BITS(sum(1, 0x1p-24f, 16), 1 + 0x1p-20f);
  CHECK_BITS(sum(1, 0x1p-25f, 16), 1.0f);
  CHECK_BITS(sum(1, 0x1.8p-24f, 1), 1.0f);
  CHECK_BITS(sum(-1, -0x1.8p-24f, 1), -1.0f);
}
#endif

TEST(mma_bytes) {
  Bytes p;
  for (int i = 0; i < 32; i++) {
    for (int m = 0; m < 16; m++) p.a[m][i] = static_cast<int8_t>(i * 37 + m * 101);
    for (int n = 0; n < 8; n++) p.b[i][n] = static_cast<int8_t>(i * 53 - n * 29);
  }
  p.a[0][0] = p.a[0][1] = -128;
  p.b[0][0] = p.b[1][0] = -128;
  for (const int32_t from : {0, 0x4b400000, -7, 0x7fffffff}) {  // the last wraps around
    for (auto& row : p.d) std::fill_n(row, 8, from);
    const Bytes found = Run<Format::kS8>(p);
    for (int m = 0; m < 16; m++) {
      for (int n = 0; n < 8; n++) {
        uint32_t want = static_cast<uint32_t>(from);
        for (int k = 0; k < 32; k++) want += static_cast<uint32_t>(p.a[m][k] * p.b[k][n]);
        CHECK_CONTEXT("row %d, column %d, from %d", m, n, from);
        CHECK_EQ(found.d[m][n], static_cast<int32_t>(want));
      }
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

TEST(mma_packs_halves_within_their_range) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> values = {
      1.5f,      -2.0f, 0.0f,   -0.0f,     65504.0f,   -65504.0f,      65519.0f,       65520.0f,
      -65536.0f, 1e30f, -1e30f, kInfinity, -kInfinity, 1.00048828125f, 1.00146484375f, 5.9e-8f};
  const std::vector<uint16_t> want = {0x3e00, 0xc000, 0x0000, 0x8000, 0x7bff, 0xfbff,
                                      0x7bff, 0x7bff, 0xfbff, 0x7bff, 0xfbff, 0x7bff,
                                      0xfbff, 0x3c00, 0x3c02, 0x0001};
  // A NaN beside a number, in either half: its bits are the GPU's own.
  values.insert(values.end(), {std::numeric_limits<float>::quiet_NaN(), 3.0f, 3.0f,
                               std::numeric_limits<float>::quiet_NaN()});
  values.resize(64);
  const DeviceArray<float> from(values);
  const DeviceArray<uint32_t> memory(32);
  CHECK_EQ(Launch(PackPairs, dim3(1), dim3(32), 0, nullptr, from.data(), memory.data()),
           cudaSuccess);
  const std::vector<uint32_t> found = memory.Download();
  for (size_t i = 0; i < want.size(); i++) {
    CHECK_CONTEXT("value %.9g", static_cast<double>(values[i]));
    CHECK_EQ(found[i / 2] >> (16 * (i % 2)) & 0xffffu, uint32_t{want[i]});
  }
  for (const uint32_t pair : {found[8], found[9] << 16 | found[9] >> 16}) {
    CHECK((pair & 0x7fffu) > 0x7c00u);
    CHECK_EQ(pair >> 16, 0x4200u);
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
