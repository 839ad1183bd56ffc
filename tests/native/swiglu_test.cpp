#include "check.h"
#include "guard.h"
#include "random.h"
#include "reference.h"
#include "tiers.h"

using namespace jangle;
using namespace jangle::test;

namespace {

std::vector<float> Run(const Kernels& kernels, int64_t rows, int64_t n, int64_t ldx,
                       const std::vector<float>& gate_up, int64_t cut) {
  // Gate and up side by side, as one product writes them.
  GuardedBuffer<float> in(
      std::vector<float>(gate_up.begin(), gate_up.begin() + (rows - 1) * ldx + 2 * n));
  GuardedBuffer<float> out(static_cast<size_t>(rows * n));
  const SwigluArgs args = {rows, n, in.data(), in.data() + n, ldx, out.data(), n};
  for (int64_t i = 0; i < rows; i += cut) kernels.swiglu(args, i, std::min(rows, i + cut));
  CHECK(out.SlackIntact());
  return {out.begin(), out.end()};
}

}  // namespace

TEST(swiglu_matches_double) {
  for (const Tier& tier : Tiers()) {
    for (int64_t n : {1, 3, 8, 17, 100, 1536}) {
      CHECK_CONTEXT("tier %s, n %lld", tier.name, static_cast<long long>(n));
      Random random(static_cast<uint64_t>(n));
      const int64_t ldx = 2 * n + 3;
      const auto x = random.Normals(static_cast<size_t>(4 * ldx), 4.0f);
      const auto y = Run(*tier.kernels, 4, n, ldx, x, 4);
      for (int64_t i = 0; i < 4 * n; i++) {
        const float gate = x[static_cast<size_t>(i / n * ldx + i % n)];
        const float up = x[static_cast<size_t>(i / n * ldx + n + i % n)];
        const double exact = SwigluReference<double>(gate, up);
        const double naive = std::fabs(SwigluReference<float>(gate, up) - exact);
        CHECK_NEAR(y[static_cast<size_t>(i)], exact,
                   2 * naive + 6 * static_cast<double>(FLT_EPSILON) * std::fabs(exact));
      }
    }
  }
}

TEST(swiglu_at_the_ends) {
  for (const Tier& tier : Tiers()) {
    CHECK_CONTEXT("tier %s", tier.name);
    const std::vector<float> gate = {0.0f, -0.0f, 200.0f, -200.0f, INFINITY, NAN, 1e-40f, -88.0f};
    std::vector<float> x = gate;
    x.insert(x.end(), 8, 2.0f);
    const auto y = Run(*tier.kernels, 1, 8, 16, x, 1);
    CHECK_EQ(y[0], 0.0f);
    CHECK_EQ(y[1], 0.0f);
    CHECK_EQ(y[2], 400.0f);
    CHECK_EQ(y[3], 0.0f);
    CHECK_EQ(y[4], INFINITY);
    CHECK(std::isnan(y[5]));
    CHECK_EQ(y[6], 1e-40f);
    CHECK_NEAR(y[7], SwigluReference<double>(-88.0f, 2.0f), 1e-42);
  }
}

// An element's bits depend on its gate and up alone: not on rows, columns or ranges.
TEST(swiglu_element_has_the_same_bits_anywhere) {
  for (const Tier& tier : Tiers()) {
    Random random(5);
    const int64_t rows = 128;
    for (int64_t n : {13, 64}) {
      const auto x = random.Normals(static_cast<size_t>(rows * 2 * n), 3.0f);
      std::vector<float> alone;
      for (int64_t i = 0; i < rows * n; i++) {
        const auto at = static_cast<size_t>(i / n * 2 * n + i % n);
        alone.push_back(Run(*tier.kernels, 1, 1, 2, {x[at], x[at + static_cast<size_t>(n)]}, 1)[0]);
      }
      for (int64_t m = 1; m <= rows; m++) {
        CHECK_CONTEXT("tier %s, n %lld, %lld rows", tier.name, static_cast<long long>(n),
                      static_cast<long long>(m));
        const auto y = Run(*tier.kernels, m, n, 2 * n, x, 1 + m % 5);
        for (size_t i = 0; i < y.size(); i++) CHECK_BITS(y[i], alone[i]);
      }
    }
  }
}
