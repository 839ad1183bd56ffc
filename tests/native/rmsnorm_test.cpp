#include "check.h"
#include "guard.h"
#include "random.h"
#include "reference.h"
#include "tiers.h"

using namespace jangle;
using namespace jangle::test;

namespace {

struct Case {
  int64_t rows, groups, n, pad;
};

// Runs items [0, rows * groups) in ranges of `cut`.
std::vector<float> Run(const Kernels& kernels, const Case& c, const std::vector<float>& x,
                       const std::vector<float>& weight, int64_t cut) {
  const int64_t ld = c.groups * c.n + c.pad;
  // The last row's padding is outside of the buffers.
  const auto size = static_cast<size_t>(c.rows * ld - c.pad);
  GuardedBuffer<float> in(std::vector<float>(x.begin(), x.begin() + static_cast<int64_t>(size)));
  GuardedBuffer<float> w(weight);
  GuardedBuffer<float> out(size);
  const RmsnormArgs args = {c.rows, c.groups, c.n, in.data(), ld, w.data(), 1e-5f, out.data(), ld};
  const int64_t items = c.rows * c.groups;
  for (int64_t i = 0; i < items; i += cut) kernels.rmsnorm(args, i, std::min(items, i + cut));
  CHECK(out.SlackIntact());
  return {out.begin(), out.end()};
}

}  // namespace

TEST(rmsnorm_matches_double) {
  for (const Tier& tier : Tiers()) {
    for (int64_t n : {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 576, 1000, 2049}) {
      CHECK_CONTEXT("tier %s, n %lld", tier.name, static_cast<long long>(n));
      const Case c = {3, 2, n, 5};
      Random random(static_cast<uint64_t>(n));
      const int64_t ld = c.groups * n + c.pad;
      const auto x = random.Normals(static_cast<size_t>(c.rows * ld), 3.0f);
      const auto weight = random.Normals(static_cast<size_t>(n));
      const auto y = Run(*tier.kernels, c, x, weight, 6);
      for (int64_t item = 0; item < 6; item++) {
        const int64_t at = item / 2 * ld + item % 2 * n;
        const auto exact = RmsnormReference<double>(x.data() + at, weight.data(), n, 1e-5f);
        const auto naive = RmsnormReference<float>(x.data() + at, weight.data(), n, 1e-5f);
        const double error = LargestDifference(y.data() + at, exact.data(), n);
        CHECK_NEAR(error, 0, ErrorBound(naive, exact));
      }
      // What lies between the rows stays as it was.
      for (int64_t row = 0; row + 1 < c.rows; row++) {
        for (int64_t i = 0; i < c.pad; i++) {
          CHECK(std::isnan(y[static_cast<size_t>(row * ld + c.groups * n + i)]));
        }
      }
    }
  }
}

// The mean of squares is 16 exactly, so the result is x / 4 * weight, exact too.
TEST(rmsnorm_is_exact_on_integers) {
  for (const Tier& tier : Tiers()) {
    for (int64_t n = 4; n <= 300; n += 4) {
      std::vector<float> x, weight;
      for (int64_t i = 0; i < n; i++) {
        x.push_back(i % 4 == 0 ? 8.0f : 0.0f);
        weight.push_back(static_cast<float>(i));
      }
      GuardedBuffer<float> y(static_cast<size_t>(n));
      tier.kernels->rmsnorm({1, 1, n, x.data(), n, weight.data(), 0.0f, y.data(), n}, 0, 1);
      for (size_t i = 0; i < y.size(); i++) CHECK_EQ(y[i], x[i] / 4 * weight[i]);
    }
  }
}

TEST(rmsnorm_row_alone_has_the_same_bits) {
  for (const Tier& tier : Tiers()) {
    for (int64_t n : {64, 77, 576}) {
      Random random(7);
      const int64_t rows = 128;
      const auto x = random.Normals(static_cast<size_t>(rows * n));
      const auto weight = random.Normals(static_cast<size_t>(n));
      std::vector<float> alone;
      for (int64_t i = 0; i < rows; i++) {
        const std::vector<float> row(x.begin() + i * n, x.begin() + (i + 1) * n);
        const auto y = Run(*tier.kernels, {1, 1, n, 0}, row, weight, 1);
        alone.insert(alone.end(), y.begin(), y.end());
      }
      for (int64_t m = 1; m <= rows; m++) {
        CHECK_CONTEXT("tier %s, n %lld, %lld rows", tier.name, static_cast<long long>(n),
                      static_cast<long long>(m));
        const auto y = Run(*tier.kernels, {m, 1, n, 0}, x, weight, 1 + m % 7);
        for (size_t i = 0; i < y.size(); i++) CHECK_BITS(y[i], alone[i]);
      }
    }
  }
}

TEST(rmsnorm_works_in_place) {
  for (const Tier& tier : Tiers()) {
    Random random(3);
    const int64_t n = 101;
    const auto x = random.Normals(static_cast<size_t>(2 * n));
    const auto weight = random.Normals(static_cast<size_t>(n));
    const auto want = Run(*tier.kernels, {2, 1, n, 0}, x, weight, 2);
    GuardedBuffer<float> y(x);
    tier.kernels->rmsnorm({2, 1, n, y.data(), n, weight.data(), 1e-5f, y.data(), n}, 0, 2);
    for (size_t i = 0; i < y.size(); i++) CHECK_BITS(y[i], want[i]);
  }
}

TEST(rmsnorm_keeps_a_nan_in_its_row) {
  for (const Tier& tier : Tiers()) {
    Random random(4);
    auto x = random.Normals(40);
    x[3] = NAN;
    const auto y = Run(*tier.kernels, {2, 1, 20, 0}, x, random.Normals(20), 2);
    for (size_t i = 0; i < 40; i++) CHECK_EQ(std::isnan(y[i]), i < 20);
  }
}
