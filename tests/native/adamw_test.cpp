#include <algorithm>

#include "check.h"
#include "guard.h"
#include "random.h"
#include "reference.h"
#include "tiers.h"

using namespace jangle;
using namespace jangle::test;

namespace {

struct State {
  std::vector<float> weight, m, v;
};

AdamwArgs Step(int64_t n, int64_t step, float* weight, const float* gradient, float* m, float* v) {
  return {n, weight, gradient, m, v, 1e-2, 0.9, 0.999, 1e-8, 0.1, 0.5, step};
}

// Ten steps with items in ranges of `cut`.
State Run(const Kernels& kernels, int64_t n, int64_t cut) {
  Random random(1);
  GuardedBuffer<float> weight(random.Normals(static_cast<size_t>(n)));
  GuardedBuffer<float> m(std::vector<float>(static_cast<size_t>(n)));
  GuardedBuffer<float> v(std::vector<float>(static_cast<size_t>(n)));
  const int64_t items = kernels.adamw_items(n);
  for (int64_t step = 1; step <= 10; step++) {
    GuardedBuffer<float> gradient(
        random.Normals(static_cast<size_t>(n), step == 3 ? 100.0f : 0.1f));
    const auto args = Step(n, step, weight.data(), gradient.data(), m.data(), v.data());
    for (int64_t i = 0; i < items; i += cut) kernels.adamw(args, i, std::min(items, i + cut));
  }
  CHECK(weight.SlackIntact() && m.SlackIntact() && v.SlackIntact());
  return {{weight.begin(), weight.end()}, {m.begin(), m.end()}, {v.begin(), v.end()}};
}

}  // namespace

TEST(adamw_matches_double) {
  for (const Tier& tier : Tiers()) {
    for (int64_t n : {1, 7, 33, 4096, 4097, 9001}) {
      CHECK_CONTEXT("tier %s, n %lld", tier.name, static_cast<long long>(n));
      const auto got = Run(*tier.kernels, n, 1000);
      Random random(1);
      const auto start = random.Normals(static_cast<size_t>(n));
      std::vector<double> weight(start.begin(), start.end());
      std::vector<double> m(weight.size()), v(weight.size());
      for (int step = 1; step <= 10; step++) {
        const auto gradient = random.Normals(static_cast<size_t>(n), step == 3 ? 100.0f : 0.1f);
        for (size_t i = 0; i < weight.size(); i++) {
          const double g = 0.5 * static_cast<double>(gradient[i]);
          m[i] = 0.9 * m[i] + 0.1 * g;
          v[i] = 0.999 * v[i] + 0.001 * g * g;
          const double m_hat = m[i] / (1 - std::pow(0.9, step));
          const double v_hat = v[i] / (1 - std::pow(0.999, step));
          weight[i] = weight[i] * (1 - 1e-2 * 0.1) - 1e-2 * m_hat / (std::sqrt(v_hat) + 1e-8);
        }
      }
      for (size_t i = 0; i < weight.size(); i++) {
        CHECK_NEAR(got.weight[i], weight[i], 1e-6 * (1 + std::fabs(weight[i])));
        CHECK_NEAR(got.m[i], m[i], 1e-6 * (1 + std::fabs(m[i])));
        CHECK_NEAR(got.v[i], v[i], 1e-6 * (1e-3 + v[i]));
      }
    }
  }
}

TEST(adamw_has_the_same_bits_however_it_is_cut) {
  for (const Tier& tier : Tiers()) {
    const auto want = Run(*tier.kernels, 30000, 1000);
    for (int64_t cut : {1, 3}) {
      const auto got = Run(*tier.kernels, 30000, cut);
      for (size_t i = 0; i < got.weight.size(); i++) {
        CHECK_BITS(got.weight[i], want.weight[i]);
        CHECK_BITS(got.m[i], want.m[i]);
        CHECK_BITS(got.v[i], want.v[i]);
      }
    }
  }
}

// An element's bits do not depend on where it stands.
TEST(adamw_element_alone_has_the_same_bits) {
  for (const Tier& tier : Tiers()) {
    Random random(2);
    const auto weight = random.Normals(37), gradient = random.Normals(37), m = random.Normals(37);
    auto v = random.Normals(37);
    for (float& x : v) x *= x;
    State all = {weight, m, v};
    tier.kernels->adamw(Step(37, 4, all.weight.data(), gradient.data(), all.m.data(), all.v.data()),
                        0, 1);
    for (size_t i = 0; i < 37; i++) {
      State one = {{weight[i]}, {m[i]}, {v[i]}};
      tier.kernels->adamw(Step(1, 4, one.weight.data(), &gradient[i], one.m.data(), one.v.data()),
                          0, 1);
      CHECK_BITS(one.weight[0], all.weight[i]);
      CHECK_BITS(one.m[0], all.m[i]);
      CHECK_BITS(one.v[0], all.v[i]);
    }
  }
}

TEST(sum_squares_is_exact_on_integers) {
  for (const Tier& tier : Tiers()) {
    for (int64_t n : {1, 7, 8, 9, 65535, 65536, 65537, 200003}) {
      Random random(3);
      GuardedBuffer<float> x(random.Integers(static_cast<size_t>(n), 1000));
      const int64_t items = tier.kernels->sum_squares_items(n);
      GuardedBuffer<double> parts(static_cast<size_t>(items));
      double unused = 0;
      const SumSquaresArgs args = {n, x.data(), &unused, parts.data()};
      for (int64_t i = items - 1; i >= 0; i--) tier.kernels->sum_squares(args, i, i + 1);
      double want = 0, got = 0;
      for (float value : x) want += static_cast<double>(value) * static_cast<double>(value);
      for (double part : parts) got += part;
      CHECK_EQ(got, want);
    }
  }
}
