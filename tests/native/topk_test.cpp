#include <algorithm>
#include <cmath>

#include "check.h"
#include "guard.h"
#include "random.h"
#include "tiers.h"

using namespace jangle;
using namespace jangle::test;

namespace {

void CheckRow(const Kernels& kernels, const std::vector<float>& x, int64_t k) {
  const auto n = static_cast<int64_t>(x.size());
  GuardedBuffer<float> logits(x);
  GuardedBuffer<int32_t> ids(static_cast<size_t>(k));
  GuardedBuffer<float> values(static_cast<size_t>(k));
  kernels.topk({1, n, k, logits.data(), n, ids.data(), values.data()}, 0, 1);
  CHECK(ids.SlackIntact() && values.SlackIntact());
  std::vector<int32_t> order(x.size());
  for (size_t i = 0; i < x.size(); i++) order[i] = static_cast<int32_t>(i);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return x[static_cast<size_t>(a)] > x[static_cast<size_t>(b)];
  });
  for (size_t i = 0; i < static_cast<size_t>(k); i++) {
    CHECK_EQ(ids[i], order[i]);
    CHECK_BITS(values[i], x[static_cast<size_t>(order[i])]);
  }
}

}  // namespace

TEST(topk_matches_a_stable_sort) {
  for (const Tier& tier : Tiers()) {
    Random random(1);
    for (int64_t n : {1, 2, 5, 31, 64, 65, 127, 128, 1000, 49152}) {
      for (int64_t k : {1, 2, 10, 63, 64}) {
        if (k > n) continue;
        CHECK_CONTEXT("tier %s, n %lld, k %lld", tier.name, static_cast<long long>(n),
                      static_cast<long long>(k));
        const auto size = static_cast<size_t>(n);
        CheckRow(*tier.kernels, random.Normals(size), k);
        CheckRow(*tier.kernels, random.Integers(size, 4), k);
        CheckRow(*tier.kernels, std::vector<float>(size, 1.0f), k);
        std::vector<float> sorted = random.Normals(size);
        std::sort(sorted.begin(), sorted.end());
        CheckRow(*tier.kernels, sorted, k);
        std::reverse(sorted.begin(), sorted.end());
        CheckRow(*tier.kernels, sorted, k);
        std::vector<float> few(size, -INFINITY);
        few[size / 2] = INFINITY;
        CheckRow(*tier.kernels, few, k);
      }
    }
  }
}

TEST(topk_of_a_row_with_nan_is_all_minus_one) {
  for (const Tier& tier : Tiers()) {
    for (size_t n : {10u, 64u, 200u}) {
      for (size_t at = 0; at < n; at++) {
        CHECK_CONTEXT("tier %s, n %zu, NaN at %zu", tier.name, n, at);
        Random random(at);
        auto x = random.Normals(n);
        x[at] = NAN;
        std::vector<int32_t> ids(10);
        std::vector<float> values(10);
        const auto length = static_cast<int64_t>(n);
        tier.kernels->topk({1, length, 10, x.data(), length, ids.data(), values.data()}, 0, 1);
        for (size_t i = 0; i < 10; i++) {
          CHECK_EQ(ids[i], -1);
          CHECK_EQ(values[i], -1.0f);
        }
      }
    }
  }
}

TEST(topk_row_alone_is_the_same) {
  for (const Tier& tier : Tiers()) {
    Random random(3);
    const int64_t n = 500;
    const int64_t ld = n + 3;
    const int64_t k = 10;
    const auto logits = random.Integers(static_cast<size_t>(128 * ld), 40);
    std::vector<int32_t> alone(128 * k);
    std::vector<float> alone_values(128 * k);
    for (int64_t i = 0; i < 128; i++) {
      tier.kernels->topk(
          {1, n, k, logits.data() + i * ld, ld, alone.data() + i * k, alone_values.data() + i * k},
          0, 1);
    }
    for (int64_t m = 1; m <= 128; m++) {
      std::vector<int32_t> ids(static_cast<size_t>(m * k));
      std::vector<float> values(static_cast<size_t>(m * k));
      const TopkArgs args = {m, n, k, logits.data(), ld, ids.data(), values.data()};
      tier.kernels->topk(args, 0, m / 2);
      tier.kernels->topk(args, m / 2, m);
      for (size_t i = 0; i < ids.size(); i++) {
        CHECK_EQ(ids[i], alone[i]);
        CHECK_BITS(values[i], alone_values[i]);
      }
    }
  }
}
