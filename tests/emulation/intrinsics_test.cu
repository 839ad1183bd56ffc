// Integer and conversion intrinsics against their definitions. They are plain functions here, so
// they are called from the host.

#include <cuda_runtime.h>

#include <cmath>
#include <cstring>

#include "native/check.h"
#include "ptx/convert.cuh"

namespace jangle::test {
namespace {

// The nearest half, ties to even, by trying all of them.
uint16_t NearestHalf(float value) {
  uint16_t best = 0;
  double best_distance = HUGE_VAL;
  for (uint32_t bits = 0; bits < 0x7c00; bits++) {
    const double candidate = static_cast<double>(HalfToFloat(static_cast<uint16_t>(bits)));
    const double distance = std::fabs(candidate - std::fabs(static_cast<double>(value)));
    if (distance < best_distance || (distance == best_distance && bits % 2 == 0)) {
      best = static_cast<uint16_t>(bits);
      best_distance = distance;
    }
  }
  return static_cast<uint16_t>(best | (std::signbit(value) ? 0x8000u : 0u));
}

}  // namespace

TEST(intrinsics_half_to_float) {
  for (uint32_t bits = 0; bits < 0x10000; bits++) {
    const uint16_t half = static_cast<uint16_t>(bits);
    const int exponent = static_cast<int>(bits >> 10 & 31u);
    const int mantissa = static_cast<int>(bits & 1023u);
    const float sign = (bits & 0x8000u) != 0 ? -1.0f : 1.0f;
    const float found = HalfToFloat(half);
    CHECK_CONTEXT("half 0x%04x", bits);
    if (exponent == 31 && mantissa != 0) {
      CHECK(std::isnan(found));
    } else if (exponent == 31) {
      CHECK_BITS(found, sign * HUGE_VALF);
    } else if (exponent == 0) {
      CHECK_BITS(found, sign * std::ldexp(static_cast<float>(mantissa), -24));
    } else {
      CHECK_BITS(found, sign * std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25));
    }
    if (!std::isnan(found)) CHECK_EQ(FloatToHalf(found), half);
  }
}

TEST(intrinsics_float_to_half) {
  for (const float value :
       {0.1f, -0.3f, 1.00048828125f, 1.00146484375f, 65503.9f, 65519.9f, 6.1e-5f, 5.9e-8f, 2.9e-8f,
        2.98023223876953125e-8f, 8.94069671630859375e-8f, 1e-10f, -6.0975e-5f, 1234.5678f}) {
    CHECK_CONTEXT("value %.9g", static_cast<double>(value));
    CHECK_EQ(FloatToHalf(value), NearestHalf(value));
  }
  CHECK_EQ(FloatToHalf(65520.0f), 0x7c00);
  CHECK_EQ(FloatToHalf(-1e30f), 0xfc00);
  CHECK(std::isnan(HalfToFloat(FloatToHalf(std::nanf("")))));
}

TEST(intrinsics_float_to_bf16) {
  CHECK_EQ(FloatToBf16(1.0f), 0x3f80);
  CHECK_EQ(FloatToBf16(__uint_as_float(0x3f808000u)), 0x3f80);  // a tie, to even
  CHECK_EQ(FloatToBf16(__uint_as_float(0x3f818000u)), 0x3f82);
  CHECK_EQ(FloatToBf16(__uint_as_float(0x3f808001u)), 0x3f81);
  CHECK_EQ(FloatToBf16(__uint_as_float(0xff7fffffu)), 0xff80);  // rounds to infinity
  CHECK(std::isnan(Bf16ToFloat(FloatToBf16(__uint_as_float(0x7f800001u)))));
}

TEST(intrinsics_integers) {
  CHECK_EQ(__popc(0xf0f0u), 8);
  CHECK_EQ(__clz(0), 32);
  CHECK_EQ(__clz(1), 31);
  CHECK_EQ(__clz(-1), 0);
  CHECK_EQ(__ffs(0), 0);
  CHECK_EQ(__ffs(8), 4);
  CHECK_EQ(__brev(1u), 0x80000000u);
  CHECK_EQ(__brev(0x12345678u), 0x1e6a2c48u);
  CHECK_EQ(__umulhi(0xffffffffu, 0xffffffffu), 0xfffffffeu);
  CHECK_EQ(__dp4a(static_cast<int>(0x80ff0102u), static_cast<int>(0x807f0304u), 5),
           -128 * -128 - 127 + 3 + 8 + 5);
  CHECK_EQ(__dp4a(0x80ff0102u, 0x807f0304u, 5u), 128u * 128 + 255u * 127 + 3 + 8 + 5);
  CHECK_EQ(__byte_perm(0x33221100u, 0x77665544u, 0x7520u), 0x77552200u);
  CHECK_EQ(__byte_perm(0x80000000u, 0u, 0x000bu), 0x000000ffu);
  CHECK_EQ(min(3, -2), -2);
  CHECK_EQ(max(3u, 0xfffffffeu), 0xfffffffeu);
  CHECK_EQ(max(1.0f, std::nanf("")), 1.0f);
}

}  // namespace jangle::test
