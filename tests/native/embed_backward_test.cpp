#include <algorithm>
#include <numeric>

#include "check.h"
#include "guard.h"
#include "random.h"
#include "reference.h"
#include "tiers.h"

using namespace jangle;
using namespace jangle::test;

namespace {

constexpr int64_t kTableRows = 11;

std::vector<int32_t> Order(const std::vector<int32_t>& ids) {
  std::vector<int32_t> order(ids.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return ids[static_cast<size_t>(a)] < ids[static_cast<size_t>(b)];
  });
  return order;
}

}  // namespace

TEST(gather_rows_copies) {
  for (const Tier& tier : Tiers()) {
    for (int64_t n : {1, 7, 16, 33}) {
      const std::vector<int32_t> ids = {3, 0, 10, 3, -1, 11, 5};
      Random random(1);
      GuardedBuffer<float> table(random.Normals(static_cast<size_t>(kTableRows * (n + 2) - 2)));
      GuardedBuffer<int32_t> all(ids);
      GuardedBuffer<float> out(static_cast<size_t>(7 * (n + 3) - 3));
      out.Poison();
      const GatherRowsArgs args = {7,          n,     all.data(), table.data(),
                                   kTableRows, n + 2, out.data(), n + 3};
      for (int64_t i = 0; i < 7; i += 2) {
        tier.kernels->gather_rows(args, i, std::min<int64_t>(7, i + 2));
      }
      for (int64_t i = 0; i < std::ssize(ids); i++) {
        const int64_t id = ids[static_cast<size_t>(i)];
        for (int64_t j = 0; j < n + 3 && i * (n + 3) + j < 7 * (n + 3) - 3; j++) {
          const float got = out[static_cast<size_t>(i * (n + 3) + j)];
          if (j < n && id >= 0 && id < kTableRows) {
            CHECK_BITS(got, table[static_cast<size_t>(id * (n + 2) + j)]);
          } else {
            CHECK(std::isnan(got));
          }
        }
      }
      CHECK(out.SlackIntact());
    }
  }
}

// Every row is added in ascending order, so the bits are those of the plain loop.
TEST(embed_backward_adds_rows_in_order) {
  for (const Tier& tier : Tiers()) {
    for (int64_t n : {1, 5, 8, 16, 40}) {
      for (int64_t cut : {1, 2, 3, 100}) {
        CHECK_CONTEXT("tier %s, n %d, cut %d", tier.name, static_cast<int>(n),
                      static_cast<int>(cut));
        Random random(static_cast<uint64_t>(n));
        const int64_t rows = 60;
        std::vector<int32_t> ids;
        for (int64_t i = 0; i < rows; i++) {
          ids.push_back(static_cast<int32_t>(random.Below(kTableRows + 2) - 1));
        }
        const auto dout = random.Normals(static_cast<size_t>(rows * (n + 1) - 1));
        const auto before = random.Normals(static_cast<size_t>(kTableRows * (n + 2) - 2));
        GuardedBuffer<float> d(dout), table(before);
        GuardedBuffer<int32_t> all(ids), order(Order(ids));
        const EmbedBackwardArgs args = {
            rows, n, all.data(), order.data(), d.data(), n + 1, table.data(), kTableRows, n + 2};
        for (int64_t i = (rows - 1) / cut * cut; i >= 0; i -= cut) {
          tier.kernels->embed_backward(args, i, std::min(rows, i + cut));
        }
        auto want = before;
        for (int64_t i = 0; i < rows; i++) {
          const int64_t id = ids[static_cast<size_t>(i)];
          for (int64_t j = 0; j < n && id >= 0 && id < kTableRows; j++) {
            want[static_cast<size_t>(id * (n + 2) + j)] +=
                dout[static_cast<size_t>(i * (n + 1) + j)];
          }
        }
        for (size_t i = 0; i < want.size(); i++) CHECK_BITS(table[i], want[i]);
        CHECK(table.SlackIntact());
      }
    }
  }
}

TEST(embed_backward_leaves_out_rows_that_do_not_exist) {
  for (const Tier& tier : Tiers()) {
    const std::vector<float> dout = {1, 2, 3};
    const std::vector<int32_t> ids = {0, 1, 2};
    const std::vector<int32_t> order = {-7, 1, 3};
    GuardedBuffer<float> table(std::vector<float>{10, 20, 30});
    tier.kernels->embed_backward(
        {3, 1, ids.data(), order.data(), dout.data(), 1, table.data(), 3, 1}, 0, 3);
    CHECK_EQ(table[0], 10.0f);
    CHECK_EQ(table[1], 22.0f);
    CHECK_EQ(table[2], 30.0f);
  }
}
