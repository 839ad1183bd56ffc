// Tests of one tier's vector functions (cpu-kernels/simd.h). Included by simd_<tier>_test.cpp,
// which names the tier and switches its instructions on.
#pragma once

#include "gumbel.h"
#include "simd.h"

using namespace jangle::JG_TIER_NS;
using jangle::test::Random;

namespace {

void RequireTier() {
#if JG_VECTOR_BITS == 512 && !defined(JG_SIMDE)
  if (!__builtin_cpu_supports("avx512f")) SKIP("this processor has no AVX-512");
#elif JG_VECTOR_BITS >= 256
  if (!__builtin_cpu_supports("avx2")) SKIP("this processor has no AVX2");
#endif
}

float ExpOf(float x) {
  float lanes[kLanes];
  Store(lanes, Exp(Set(x)));
  return lanes[kLanes - 1];
}

// Distance in units of the result's last place (of the smallest subnormal, at least).
double Ulps(float got, double exact) {
  int exponent = 0;
  std::frexp(exact, &exponent);
  return std::fabs(static_cast<double>(got) - exact) /
         std::ldexp(1.0, std::max(exponent, -125) - 24);
}

}  // namespace

TEST(simd_exp_is_within_two_ulp) {
  RequireTier();
  double worst = 0;
  for (uint32_t bits = 0; bits < 0x42d00000u; bits += 1009) {  // up to 104
    for (uint32_t sign : {0u, 0x80000000u}) {
      const float x = std::bit_cast<float>(bits | sign);
      const double exact = std::exp(static_cast<double>(x));
      if (exact > static_cast<double>(FLT_MAX)) continue;
      CHECK_CONTEXT("x %a", static_cast<double>(x));
      const double ulps = Ulps(ExpOf(x), exact);
      CHECK_NEAR(ulps, 0, 2.0);
      worst = std::max(worst, ulps);
    }
  }
  std::printf("        worst %.3f ulp\n", worst);
}

TEST(simd_exp_at_the_ends) {
  RequireTier();
  CHECK_BITS(ExpOf(0.0f), 1.0f);
  CHECK_BITS(ExpOf(-0.0f), 1.0f);
  CHECK_BITS(ExpOf(-INFINITY), 0.0f);
  CHECK_BITS(ExpOf(-FLT_MAX), 0.0f);
  CHECK_BITS(ExpOf(-150.0f), 0.0f);
  CHECK_BITS(ExpOf(-103.0f), FLT_TRUE_MIN);
  CHECK_EQ(ExpOf(INFINITY), INFINITY);
  CHECK_EQ(ExpOf(FLT_MAX), INFINITY);
  CHECK_EQ(ExpOf(88.73f), INFINITY);
  CHECK(ExpOf(88.72f) < INFINITY);
  CHECK(std::isnan(ExpOf(NAN)));
  CHECK(std::isnan(ExpOf(-NAN)));
}

TEST(simd_log_is_within_two_ulp) {
  RequireTier();
  double worst = 0;
  for (uint32_t bits = 0x00800000u; bits < 0x7f800000u; bits += 1013) {
    const float x = std::bit_cast<float>(bits);
    float lanes[kLanes];
    Store(lanes, Log(Set(x)));
    CHECK_CONTEXT("x %a", static_cast<double>(x));
    const double ulps = Ulps(lanes[0], std::log(static_cast<double>(x)));
    CHECK_NEAR(ulps, 0, 2.0);
    worst = std::max(worst, ulps);
  }
  std::printf("        worst %.3f ulp\n", worst);
}

TEST(simd_gumbel_noise_matches_double) {
  RequireTier();
  std::vector<uint32_t> words = {0, 1, 2, 511, 512, 0x7fffffffu, 0x80000000u, 0xffffff00u, ~0u};
  Random random(1);
  while (words.size() < 100000) {
    // Small words, whose noise is large, as often as large ones.
    words.push_back(static_cast<uint32_t>(random.Next()) >> random.Below(32));
    words.push_back(~words.back());
  }
  for (uint32_t word : words) {
    float lanes[kLanes];
    const F32 uniform = Uniform(SetU(word));
    Store(lanes, GumbelNoise(uniform));
    CHECK_CONTEXT("word %08x", word);
    // Noise falls with v, and v is rounded to a float: exactly where it is small, to 2^-25 near 1.
    const auto exact = [](double v) { return -std::log(-std::log1p(-std::min(v, 1 - 0x1p-24))); };
    const double v = (word + 0.5) * 0x1p-32;
    const double slack = v < 0.5 ? v * 0x1p-24 : 0x1p-25;
    const double most = exact(v - slack);
    const double least = exact(v + slack);
    CHECK_NEAR(lanes[0], (most + least) / 2, (most - least) / 2 + 1e-6 + 2e-7 * std::fabs(most));
    CHECK(lanes[0] < kMostNoise);
    float bound[kLanes];
    Store(bound, NoiseBound(uniform));
    CHECK(lanes[0] < bound[0]);
  }
}

TEST(simd_philox_matches_the_reference) {
  RequireTier();
  Random random(2);
  for (int i = 0; i < 1000; i++) {
    const auto first = static_cast<uint32_t>(random.Next());
    const auto position = static_cast<uint32_t>(random.Next());
    const uint64_t seed = random.Next();
    uint32_t counters[kLanes];
    for (int j = 0; j < kLanes; j++) counters[j] = first + static_cast<uint32_t>(j);
    const Random4 words = Philox(LoadU(counters), position, seed);
    for (int j = 0; j < kLanes; j++) {
      uint32_t c[4] = {counters[j], position, 0, 0};
      jangle::test::PhiloxReference(c, static_cast<uint32_t>(seed),
                                    static_cast<uint32_t>(seed >> 32));
      for (int w = 0; w < 4; w++) {
        float lanes[kLanes];
        Store(lanes, AsF32(words.word[w]));
        CHECK_EQ(std::bit_cast<uint32_t>(lanes[j]), c[w]);
      }
    }
  }
}

// Four sums at once have the bits of each alone; lanes add in pairs that lie half a vector apart.
TEST(simd_sums_across_in_a_fixed_tree) {
  RequireTier();
  Random random(3);
  for (int i = 0; i < 1000; i++) {
    const auto x = random.Normals(4 * kLanes);
    float sums[4];
    SumAcross4(Load(&x[0]), Load(&x[kLanes]), Load(&x[2 * kLanes]), Load(&x[3 * kLanes]), sums);
    for (int j = 0; j < 4; j++) {
      const float* lanes = &x[static_cast<size_t>(j * kLanes)];
      float tree[kLanes];
      std::copy(lanes, lanes + kLanes, tree);
      for (int width = kLanes / 2; width > 0; width /= 2) {
        for (int k = 0; k < width; k++) tree[k] += tree[k + width];
      }
      CHECK_BITS(sums[j], tree[0]);
      CHECK_BITS(SumAcross(Load(lanes)), tree[0]);
      CHECK_BITS(MaxAcross(Load(lanes)), *std::max_element(lanes, lanes + kLanes));
    }
  }
}

TEST(simd_halves_convert_exactly) {
  RequireTier();
  for (uint32_t half = 0; half < 0x10000; half++) {
    CHECK_CONTEXT("half %04x", half);
    uint16_t in[kLanes];
    float lanes[kLanes];
    std::fill(in, in + kLanes, static_cast<uint16_t>(half));
    Store(lanes, LoadF16(in));
    const float want = jangle::test::HalfToFloat(static_cast<uint16_t>(half));
    if (std::isnan(want)) {
      CHECK(std::isnan(lanes[0]));
    } else {
      CHECK_BITS(lanes[0], want);
      uint16_t back[kLanes];
      StoreF16(back, Load(lanes));
      CHECK_EQ(back[kLanes - 1], half);
    }
  }
}

TEST(simd_parts_and_comparisons) {
  RequireTier();
  float x[kLanes], y[kLanes];
  for (int i = 0; i < kLanes; i++) {
    x[i] = static_cast<float>(i);
    y[i] = i % 3 == 0 ? NAN : 2.0f;
  }
  for (int n = 0; n < kLanes; n++) {
    float out[kLanes], part[kLanes];
    std::fill(part, part + kLanes, -1.0f);
    Store(out, LoadPart(x, n));
    StorePart(part, Load(x), n);
    for (int i = 0; i < kLanes; i++) {
      CHECK_EQ(out[i], i < n ? x[i] : 0.0f);
      CHECK_EQ(part[i], i < n ? x[i] : -1.0f);
    }
  }
  const F32 a = Load(x);
  const F32 b = Load(y);
  for (int i = 0; i < kLanes; i++) {
    CHECK_EQ(Bits(Greater(a, b)) >> i & 1, x[i] > y[i]);
    CHECK_EQ(Bits(GreaterEqual(a, b)) >> i & 1, x[i] >= y[i]);
    CHECK_EQ(Bits(Equal(a, b)) >> i & 1, x[i] == y[i]);
    CHECK_EQ(Bits(Unordered(a, b)) >> i & 1, std::isnan(y[i]));
    float most[kLanes], chosen[kLanes];
    Store(most, Max(a, b));
    Store(chosen, Select(Unordered(a, b), a, b));
    CHECK_EQ(std::isnan(most[i]), std::isnan(y[i]));
    CHECK_EQ(chosen[i], i % 3 == 0 ? x[i] : 2.0f);
  }
}
