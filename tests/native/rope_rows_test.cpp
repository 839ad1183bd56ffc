#include <algorithm>

#include "check.h"
#include "guard.h"
#include "random.h"
#include "reference.h"
#include "tiers.h"

using namespace jangle;
using namespace jangle::test;

namespace {

constexpr int64_t kPositions = 50;

std::vector<float> Table(int64_t head_dim) {
  std::vector<float> table;
  for (int64_t p = 0; p < kPositions; p++) {
    for (int part = 0; part < 2; part++) {
      for (int64_t j = 0; j < head_dim / 2; j++) {
        const double angle = static_cast<double>(p) / static_cast<double>(1 + j);
        table.push_back(static_cast<float>(part == 0 ? std::cos(angle) : std::sin(angle)));
      }
    }
  }
  return table;
}

struct Case {
  int64_t heads, head_dim;
  std::vector<int32_t> positions;
};

std::vector<float> Run(const Kernels& kernels, const Case& c, bool inverse,
                       const std::vector<float>& x, int64_t cut) {
  const int64_t rows = std::ssize(c.positions);
  GuardedBuffer<int32_t> positions(c.positions);
  GuardedBuffer<float> table(Table(c.head_dim));
  GuardedBuffer<float> y(x);
  const RopeRowsArgs args = {rows,       positions.data(), c.heads,
                             c.head_dim, table.data(),     kPositions,
                             inverse,    y.data(),         c.heads * c.head_dim};
  for (int64_t i = 0; i < rows; i += cut) kernels.rope_rows(args, i, std::min(rows, i + cut));
  CHECK(y.SlackIntact());
  return {y.begin(), y.end()};
}

}  // namespace

TEST(rope_rows_has_the_bits_of_rope) {
  for (const Tier& tier : Tiers()) {
    for (int64_t head_dim : {2, 6, 16, 20, 64, 66}) {
      CHECK_CONTEXT("tier %s, head_dim %d", tier.name, static_cast<int>(head_dim));
      const Case c = {3, head_dim, {0, 7, 49, 7, 1}};
      Random random(1);
      const auto x = random.Normals(static_cast<size_t>(5 * 3 * head_dim));
      const auto got = Run(*tier.kernels, c, false, x, 2);
      BatchView batch;
      batch.rows = 5;
      batch.position = c.positions.data();
      auto want = x;
      const auto table = Table(head_dim);
      tier.kernels->rope({&batch, 3, head_dim, table.data(), want.data(), 3 * head_dim}, 0, 5);
      for (size_t i = 0; i < x.size(); i++) CHECK_BITS(got[i], want[i]);
    }
  }
}

// The rotation is a linear map; its gradient is the transposed map: <R x, y> = <x, R^T y>.
TEST(rope_rows_inverse_is_the_gradient) {
  for (const Tier& tier : Tiers()) {
    for (int64_t head_dim : {2, 6, 16, 20, 64, 66}) {
      const Case c = {2, head_dim, {3, 30, 49}};
      const int64_t h = head_dim / 2;
      Random random(2);
      const auto dy = random.Normals(static_cast<size_t>(3 * 2 * head_dim));
      const auto got = Run(*tier.kernels, c, true, dy, 1);
      const auto table = Table(head_dim);
      for (int64_t row = 0; row < 3; row++) {
        for (int64_t head = 0; head < 2; head++) {
          const int64_t at = (row * 2 + head) * head_dim;
          const float* angles = table.data() + c.positions[static_cast<size_t>(row)] * head_dim;
          for (int64_t j = 0; j < h; j++) {
            const double cosine = angles[j], sine = angles[h + j];
            const double low = dy[static_cast<size_t>(at + j)];
            const double high = dy[static_cast<size_t>(at + h + j)];
            const double bound = 3e-7 * (std::fabs(low) + std::fabs(high));
            CHECK_NEAR(got[static_cast<size_t>(at + j)], low * cosine + high * sine, bound);
            CHECK_NEAR(got[static_cast<size_t>(at + h + j)], high * cosine - low * sine, bound);
          }
        }
      }
    }
  }
}

TEST(rope_rows_takes_the_nearest_position) {
  for (const Tier& tier : Tiers()) {
    Random random(3);
    const auto x = random.Normals(2 * 16);
    const auto wrong = Run(*tier.kernels, {1, 16, {-5, 50}}, false, x, 2);
    const auto right = Run(*tier.kernels, {1, 16, {0, 49}}, false, x, 2);
    for (size_t i = 0; i < x.size(); i++) CHECK_BITS(wrong[i], right[i]);
  }
}
