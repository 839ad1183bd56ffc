#include <algorithm>

#include "check.h"
#include "guard.h"
#include "random.h"
#include "tiers.h"
#include "training_reference.h"

using namespace jangle;
using namespace jangle::test;

namespace {

struct Result {
  std::vector<float> gradient;
  std::vector<double> loss;
};

Result Run(const Kernels& kernels, int64_t rows, int64_t n, const std::vector<float>& logits,
           const std::vector<int32_t>& targets, const std::vector<float>& weights, int64_t cut) {
  GuardedBuffer<float> z(logits), w(weights);
  GuardedBuffer<int32_t> t(targets);
  GuardedBuffer<double> loss(static_cast<size_t>(rows));
  const CrossEntropyArgs args = {rows, n, z.data(), n, t.data(), w.data(), loss.data()};
  for (int64_t i = 0; i < rows; i += cut) kernels.cross_entropy(args, i, std::min(rows, i + cut));
  CHECK(z.SlackIntact() && loss.SlackIntact());
  return {{z.begin(), z.end()}, {loss.begin(), loss.end()}};
}

}  // namespace

TEST(cross_entropy_reference_gradient_is_that_of_finite_differences) {
  Random random(1);
  const auto z = As<double>(random.Normals(12));
  const auto want = FiniteDifferences(
      z, [](const auto& at) { return 0.3 * CrossEntropyReference<double>(at, 4); });
  const auto got = CrossEntropyBackwardReference<double>(z, 4, 0.3);
  for (size_t i = 0; i < z.size(); i++) CHECK_NEAR(got[i], want[i], 1e-9);
}

TEST(cross_entropy_matches_double) {
  for (const Tier& tier : Tiers()) {
    for (int64_t n : {1, 2, 7, 16, 33, 1024, 1025, 5000, 49152}) {
      CHECK_CONTEXT("tier %s, n %lld", tier.name, static_cast<long long>(n));
      Random random(static_cast<uint64_t>(n));
      const int64_t rows = 3;
      const auto logits = random.Normals(static_cast<size_t>(rows * n), 4.0f);
      const std::vector<int32_t> targets = {0, static_cast<int32_t>(n / 2),
                                            static_cast<int32_t>(n - 1)};
      const std::vector<float> weights = {1.0f, 0.01f, -2.0f};
      const auto got = Run(*tier.kernels, rows, n, logits, targets, weights, 2);
      for (int64_t i = 0; i < rows; i++) {
        const auto at = static_cast<size_t>(i);
        const auto row = As<double>({logits.begin() + i * n, logits.begin() + (i + 1) * n});
        const double loss = CrossEntropyReference<double>(row, targets[at]);
        CHECK_NEAR(got.loss[at], loss, 1e-6 + 1e-6 * loss);
        const double weight = weights[at];
        const double most = *std::max_element(row.begin(), row.end());
        const auto exact = CrossEntropyBackwardReference<double>(row, targets[at], weight);
        for (int64_t j = 0; j < n; j++) {
          const double want = exact[static_cast<size_t>(j)];
          // Relative to each gradient, but for the one that is a difference; z - m is rounded.
          const double size = j == targets[at] ? std::fabs(weight) : std::fabs(want);
          const double ulps = 4 + most - row[static_cast<size_t>(j)];
          CHECK_NEAR(got.gradient[static_cast<size_t>(i * n + j)], want,
                     ulps * static_cast<double>(FLT_EPSILON) * size);
        }
      }
    }
  }
}

// Equal logits: each probability is 1 / n, exact for a power of two.
TEST(cross_entropy_is_exact_on_equal_logits) {
  for (const Tier& tier : Tiers()) {
    for (int64_t n : {1, 2, 64, 4096}) {
      const auto got = Run(*tier.kernels, 1, n, std::vector<float>(static_cast<size_t>(n), 7.0f),
                           {0}, {2.0f}, 1);
      CHECK_EQ(got.loss[0], std::log(static_cast<double>(n)));
      for (int64_t j = 0; j < n; j++) {
        const double want = 2.0 / static_cast<double>(n) - (j == 0 ? 2.0 : 0.0);
        CHECK_EQ(static_cast<double>(got.gradient[static_cast<size_t>(j)]), want);
      }
    }
  }
}

TEST(cross_entropy_row_alone_has_the_same_bits) {
  for (const Tier& tier : Tiers()) {
    Random random(2);
    const int64_t rows = 10, n = 1500;
    const auto logits = random.Normals(static_cast<size_t>(rows * n));
    const std::vector<int32_t> targets(static_cast<size_t>(rows), 3);
    const std::vector<float> weights(static_cast<size_t>(rows), 0.5f);
    const auto all = Run(*tier.kernels, rows, n, logits, targets, weights, 3);
    for (int64_t i = 0; i < rows; i++) {
      const auto alone =
          Run(*tier.kernels, 1, n, {logits.begin() + i * n, logits.begin() + (i + 1) * n}, {3},
              {0.5f}, 1);
      CHECK_BITS(alone.loss[0], all.loss[static_cast<size_t>(i)]);
      for (int64_t j = 0; j < n; j++) {
        CHECK_BITS(alone.gradient[static_cast<size_t>(j)],
                   all.gradient[static_cast<size_t>(i * n + j)]);
      }
    }
  }
}

TEST(cross_entropy_ignores_rows_without_a_target) {
  for (const Tier& tier : Tiers()) {
    const std::vector<float> logits = {1, 2, NAN, INFINITY, 5, 6, 1, NAN, 0};
    const auto got = Run(*tier.kernels, 3, 3, logits, {-1, 3, 0}, {1.0f, 1.0f, 1.0f}, 3);
    for (size_t i = 0; i < 6; i++) CHECK_BITS(got.gradient[i], 0.0f);
    CHECK_BITS(got.loss[0], 0.0);
    CHECK_BITS(got.loss[1], 0.0);
    CHECK(std::isnan(got.loss[2]));  // a NaN is not hidden
    for (size_t i = 6; i < 9; i++) CHECK(std::isnan(got.gradient[i]));
  }
}
