#include <algorithm>

#include "check.h"
#include "guard.h"
#include "random.h"
#include "tiers.h"
#include "training_reference.h"

using namespace jangle;
using namespace jangle::test;

TEST(swiglu_backward_reference_gradient_is_that_of_finite_differences) {
  for (double gate : {-20.0, -3.0, -0.5, 0.0, 0.1, 2.0, 30.0}) {
    const auto g = SwigluBackwardReference<double>(gate, 1.5, -0.7);
    const auto d = FiniteDifferences(
        {gate, 1.5}, [](const auto& x) { return -0.7 * x[0] / (1 + std::exp(-x[0])) * x[1]; });
    CHECK_NEAR(g.gate, d[0], 1e-8);
    CHECK_NEAR(g.up, d[1], 1e-8);
  }
}

TEST(swiglu_backward_matches_double) {
  for (const Tier& tier : Tiers()) {
    for (int64_t n : {1, 3, 8, 15, 16, 33, 100}) {
      CHECK_CONTEXT("tier %s, n %lld", tier.name, static_cast<long long>(n));
      Random random(static_cast<uint64_t>(n));
      const int64_t rows = 9, ld = n + 3;
      const auto size = static_cast<size_t>(rows * ld - 3);
      const auto gate = random.Normals(size, 8.0f);
      const auto up = random.Normals(size);
      const auto dout = random.Normals(size);
      GuardedBuffer<float> g(gate), u(up), d(dout), dgate(size), dup(size);
      const SwigluBackwardArgs args = {rows,     n,  g.data(),     u.data(),   ld,
                                       d.data(), ld, dgate.data(), dup.data(), ld};
      for (int64_t row = 0; row < rows; row += 2) {
        tier.kernels->swiglu_backward(args, row, std::min(rows, row + 2));
      }
      for (int64_t i = 0; i < std::ssize(gate); i++) {
        const auto at = static_cast<size_t>(i);
        if (i % ld >= n) {
          CHECK(std::isnan(dgate[at]) && std::isnan(dup[at]));
          continue;
        }
        const auto exact = SwigluBackwardReference<double>(gate[at], up[at], dout[at]);
        // 1 - s has an error of the size of s, which the gate multiplies.
        const double g_at = gate[at];
        const double terms = (1 + std::fabs(g_at)) / (1 + std::exp(-g_at));
        const double size_of = std::fabs(static_cast<double>(dout[at]) * up[at]) * terms;
        CHECK_NEAR(dgate[at], exact.gate, 4 * static_cast<double>(FLT_EPSILON) * size_of);
        CHECK_NEAR(dup[at], exact.up, 4 * static_cast<double>(FLT_EPSILON) * std::fabs(exact.up));
      }
      // In place, over the inputs.
      tier.kernels->swiglu_backward(
          {rows, n, g.data(), u.data(), ld, d.data(), ld, g.data(), u.data(), ld}, 0, rows);
      for (int64_t i = 0; i < std::ssize(gate); i++) {
        const auto at = static_cast<size_t>(i);
        CHECK_BITS(g[at], i % ld < n ? dgate[at] : gate[at]);
        CHECK_BITS(u[at], i % ld < n ? dup[at] : up[at]);
      }
    }
  }
}

TEST(swiglu_backward_at_the_ends) {
  for (const Tier& tier : Tiers()) {
    const std::vector<float> gate = {-1000.0f, 1000.0f, 0.0f, NAN};
    const std::vector<float> up = {2.0f, 2.0f, 2.0f, 2.0f};
    const std::vector<float> dout = {1.0f, 1.0f, 1.0f, 1.0f};
    std::vector<float> dgate(4), dup(4);
    tier.kernels->swiglu_backward(
        {1, 4, gate.data(), up.data(), 4, dout.data(), 4, dgate.data(), dup.data(), 4}, 0, 1);
    CHECK_EQ(dgate[0], 0.0f);
    CHECK_EQ(dup[0], 0.0f);
    CHECK_EQ(dgate[1], 2.0f);
    CHECK_EQ(dup[1], 1000.0f);
    CHECK_EQ(dgate[2], 1.0f);
    CHECK_EQ(dup[2], 0.0f);
    CHECK(std::isnan(dgate[3]) && std::isnan(dup[3]));
  }
}
