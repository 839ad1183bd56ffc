#include "check.h"
#include "guard.h"
#include "random.h"
#include "reference.h"
#include "test_batch.h"
#include "tiers.h"

using namespace jangle;
using namespace jangle::test;

namespace {

constexpr int64_t kPositions = 40;

std::vector<float> Table(int64_t dim) {
  std::vector<float> table;
  for (int64_t p = 0; p < kPositions; p++) {
    for (int side = 0; side < 2; side++) {
      for (int64_t j = 0; j < dim / 2; j++) {
        const double angle =
            static_cast<double>(p) *
            std::pow(10000.0, -2.0 * static_cast<double>(j) / static_cast<double>(dim));
        table.push_back(static_cast<float>(side == 0 ? std::cos(angle) : std::sin(angle)));
      }
    }
  }
  return table;
}

TestSequence Tree(Random& random, int32_t rows) { return {5, RandomParents(random, rows), {0}}; }

}  // namespace

TEST(rope_matches_double) {
  for (const Tier& tier : Tiers()) {
    for (int64_t dim : {2, 6, 16, 18, 64, 80, 128, 256}) {
      CHECK_CONTEXT("tier %s, head_dim %lld", tier.name, static_cast<long long>(dim));
      Random random(static_cast<uint64_t>(dim));
      const TestBatch batch({Tree(random, 20)}, true);
      const int64_t heads = 3;
      const int64_t ld = heads * dim + 3;
      const auto x = random.Normals(static_cast<size_t>(20 * ld - 3));
      const auto table = Table(dim);
      GuardedBuffer<float> guarded_table(table);
      GuardedBuffer<float> y(x);
      tier.kernels->rope({&batch.view(), heads, dim, guarded_table.data(), y.data(), ld}, 0, 20);
      CHECK(y.SlackIntact());
      std::vector<double> want(x.begin(), x.end());
      for (int64_t row = 0; row < 20; row++) {
        const float* angle = table.data() + batch.view().position[row] * dim;
        for (int64_t i = row * ld; i < row * ld + heads * dim; i++) {
          const int64_t j = (i - row * ld) % dim;
          if (j >= dim / 2) continue;
          const double a = x[static_cast<size_t>(i)];
          const double b = x[static_cast<size_t>(i + dim / 2)];
          const double c = angle[j];
          const double s = angle[j + dim / 2];
          want[static_cast<size_t>(i)] = a * c - b * s;
          want[static_cast<size_t>(i + dim / 2)] = b * c + a * s;
        }
      }
      for (size_t i = 0; i < x.size(); i++) CHECK_NEAR(y[i], want[i], 1e-6);
    }
  }
}

// A table of small integers makes every product and sum exact.
TEST(rope_is_exact_on_integers) {
  for (const Tier& tier : Tiers()) {
    for (int64_t half = 1; half <= 40; half++) {
      const int64_t dim = 2 * half;
      Random random(static_cast<uint64_t>(half));
      const TestBatch batch({Tree(random, 9)}, false);
      const auto table = random.Integers(static_cast<size_t>(kPositions * dim), 9);
      const auto x = random.Integers(static_cast<size_t>(9 * dim), 99);
      GuardedBuffer<float> y(x);
      tier.kernels->rope({&batch.view(), 1, dim, table.data(), y.data(), dim}, 0, 9);
      for (int64_t row = 0; row < 9; row++) {
        const float* angle = table.data() + batch.view().position[row] * dim;
        const float* in = x.data() + row * dim;
        const float* out = y.data() + row * dim;
        for (int64_t j = 0; j < half; j++) {
          CHECK_EQ(out[j], in[j] * angle[j] - in[j + half] * angle[j + half]);
          CHECK_EQ(out[j + half], in[j + half] * angle[j] + in[j] * angle[j + half]);
        }
      }
    }
  }
}

TEST(rope_row_alone_has_the_same_bits) {
  for (const Tier& tier : Tiers()) {
    for (int64_t dim : {64, 80, 18}) {
      Random random(2);
      const int32_t rows = 128;
      std::vector<int32_t> parents;
      for (int32_t i = 0; i < rows; i++) parents.push_back(i < 30 ? i - 1 : i - 30);
      const TestBatch batch({{0, parents, {0, 1}}}, true);
      const auto table = Table(dim);
      const auto x = random.Normals(static_cast<size_t>(rows * dim));
      std::vector<float> alone = x;
      for (int32_t i = 0; i < rows; i++) {
        const BatchView one = batch.Rows(i, 1);
        tier.kernels->rope({&one, 1, dim, table.data(), alone.data() + i * dim, dim}, 0, 1);
      }
      for (int32_t m = 1; m <= rows; m++) {
        CHECK_CONTEXT("tier %s, head_dim %lld, %d rows", tier.name, static_cast<long long>(dim), m);
        const BatchView some = batch.Rows(0, m);
        std::vector<float> y(x.begin(), x.begin() + m * dim);
        const RopeArgs args = {&some, 1, dim, table.data(), y.data(), dim};
        tier.kernels->rope(args, 0, m / 2);
        tier.kernels->rope(args, m / 2, m);
        for (size_t i = 0; i < y.size(); i++) CHECK_BITS(y[i], alone[i]);
      }
    }
  }
}
