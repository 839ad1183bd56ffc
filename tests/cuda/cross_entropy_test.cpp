#include <algorithm>

#include "device.h"
#include "random.h"
#include "training_reference.h"

using namespace jangle;
using namespace jangle::test;

namespace {

struct Result {
  std::vector<float> gradient;  // as logits
  std::vector<double> loss;
};

// logits: [rows][ld], the first `offset` elements behind a multiple of 16 bytes.
Result Run(const Device& device, int64_t n, int64_t ld, const std::vector<float>& logits,
           const std::vector<int32_t>& targets, const std::vector<float>& weights,
           int64_t offset = 0) {
  std::vector<float> all(static_cast<size_t>(offset), NAN);
  all.insert(all.end(), logits.begin(), logits.end());
  const DeviceArray<float> z(device, all), w(device, weights);
  const DeviceArray<int32_t> t(device, targets);
  const DeviceArray<double> loss(device, std::vector<double>(targets.size(), NAN));
  loss.Forget();
  CHECK_OK(jg_cross_entropy(device.stream(), std::ssize(targets), n, z.data() + offset, ld,
                            t.data(), w.data(), loss.data()));
  all = z.Download();
  return {{all.begin() + offset, all.end()}, loss.Download()};
}

}  // namespace

TEST(cross_entropy_matches_double) {
  const Device device;
  for (int64_t n : {1, 2, 7, 33, 1024, 2048, 2049, 5000}) {
    CHECK_CONTEXT("n %lld", static_cast<long long>(n));
    Random random(static_cast<uint64_t>(n));
    const int64_t ld = n + 3;
    auto logits = random.Normals(static_cast<size_t>(3 * ld), 4.0f);
    const std::vector<int32_t> targets = {0, static_cast<int32_t>(n / 2),
                                          static_cast<int32_t>(n - 1)};
    const std::vector<float> weights = {1.0f, 0.01f, -2.0f};
    const auto got = Run(device, n, ld, logits, targets, weights);
    for (int64_t i = 0; i < 3; i++) {
      const auto at = static_cast<size_t>(i);
      const auto row = As<double>({logits.begin() + i * ld, logits.begin() + i * ld + n});
      const double loss = CrossEntropyReference<double>(row, targets[at]);
      CHECK_NEAR(got.loss[at], loss, 1e-6 + 1e-6 * loss);
      const double weight = weights[at];
      const double most = *std::max_element(row.begin(), row.end());
      const auto exact = CrossEntropyBackwardReference<double>(row, targets[at], weight);
      for (int64_t j = 0; j < ld; j++) {
        const auto place = static_cast<size_t>(i * ld + j);
        if (j >= n) {
          CHECK_BITS(got.gradient[place], logits[place]);
          continue;
        }
        const double want = exact[static_cast<size_t>(j)];
        // Relative to each gradient, but for the one that is a difference; z - m is rounded.
        const double size = j == targets[at] ? std::fabs(weight) : std::fabs(want);
        const double ulps = 4 + most - row[static_cast<size_t>(j)];
        CHECK_NEAR(got.gradient[place], want, ulps * static_cast<double>(FLT_EPSILON) * size);
      }
    }
  }
}

// Equal logits: each probability is 1 / n, exact for a power of two.
TEST(cross_entropy_is_exact_on_equal_logits) {
  const Device device;
  for (int64_t n : {1, 2, 64, 4096}) {
    const auto got =
        Run(device, n, n, std::vector<float>(static_cast<size_t>(n), 7.0f), {0}, {2.0f});
    const double want = std::log(static_cast<double>(n));
    CHECK_NEAR(got.loss[0], want, 1e-15 * want);
    for (int64_t j = 0; j < n; j++) {
      const double gradient = 2.0 / static_cast<double>(n) - (j == 0 ? 2.0 : 0.0);
      CHECK_EQ(static_cast<double>(got.gradient[static_cast<size_t>(j)]), gradient);
    }
  }
}

TEST(cross_entropy_row_has_the_same_bits_anywhere) {
  const Device device;
  const int64_t rows = 5, n = 2100;
  const auto logits = Random(2).Normals(static_cast<size_t>(rows * n));
  const std::vector<int32_t> targets(static_cast<size_t>(rows), 3);
  const std::vector<float> weights(static_cast<size_t>(rows), 0.5f);
  const auto all = Run(device, n, n, logits, targets, weights);
  for (int64_t i = 0; i < rows; i++) {
    const auto alone = Run(device, n, n, {logits.begin() + i * n, logits.begin() + (i + 1) * n},
                           {3}, {0.5f}, i % 4);
    CHECK_BITS(alone.loss[0], all.loss[static_cast<size_t>(i)]);
    for (int64_t j = 0; j < n; j++) {
      CHECK_BITS(alone.gradient[static_cast<size_t>(j)],
                 all.gradient[static_cast<size_t>(i * n + j)]);
    }
  }
}

TEST(cross_entropy_ignores_rows_without_a_target) {
  const Device device;
  const std::vector<float> logits = {1, 2, NAN, INFINITY, 5, 6, 1, NAN, 0};
  const auto got = Run(device, 3, 3, logits, {-1, 3, 0}, {1.0f, 1.0f, 1.0f});
  for (size_t i = 0; i < 6; i++) CHECK_BITS(got.gradient[i], 0.0f);
  CHECK_BITS(got.loss[0], 0.0);
  CHECK_BITS(got.loss[1], 0.0);
  CHECK(std::isnan(got.loss[2]));  // a NaN is not hidden
  for (size_t i = 6; i < 9; i++) CHECK(std::isnan(got.gradient[i]));
}
