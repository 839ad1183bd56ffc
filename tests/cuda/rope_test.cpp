#include "cache_on_device.h"

using namespace jangle;
using namespace jangle::test;

namespace {

constexpr int64_t kPositions = 140;

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

std::vector<float> Rope(const Device& device, const DeviceBatch& batch, int64_t heads, int64_t dim,
                        const std::vector<float>& table, const std::vector<float>& x, int64_t ldx) {
  const DeviceArray<float> angles(device, table);
  const DeviceArray<float> rows(device, x);
  CHECK_OK(jg_rope(device.stream(), batch.batch(), heads, dim, angles.data(), kPositions,
                   rows.data(), ldx));
  return rows.Download();
}

std::vector<int32_t> PositionsOf(const TestSequence& s) {
  std::vector<int32_t> positions;
  for (int32_t parent : s.parents) {
    positions.push_back(parent < 0 ? s.committed : positions[static_cast<size_t>(parent)] + 1);
  }
  return positions;
}

}  // namespace

TEST(rope_matches_double) {
  const Device device;
  for (int64_t dim : {2, 6, 18, 64, 80, 128, 256}) {
    CHECK_CONTEXT("head_dim %lld", static_cast<long long>(dim));
    Random random(static_cast<uint64_t>(dim));
    const TestSequence tree = {5, RandomParents(random, 20), {0}};
    const auto positions = PositionsOf(tree);
    const int64_t heads = 3;
    const int64_t ld = heads * dim + 3;
    const auto x = random.Normals(static_cast<size_t>(20 * ld));
    const auto table = Table(dim);
    const auto y = Rope(device, DeviceBatch(device, {tree}), heads, dim, table, x, ld);
    std::vector<double> want(x.begin(), x.end());
    for (int64_t row = 0; row < 20; row++) {
      const float* angle = table.data() + positions[static_cast<size_t>(row)] * dim;
      for (int64_t i = row * ld; i < row * ld + heads * dim; i++) {
        const int64_t j = (i - row * ld) % dim;
        if (j >= dim / 2) continue;
        const double a = x[static_cast<size_t>(i)];
        const double b = x[static_cast<size_t>(i + dim / 2)];
        want[static_cast<size_t>(i)] = a * angle[j] - b * angle[j + dim / 2];
        want[static_cast<size_t>(i + dim / 2)] = b * angle[j] + a * angle[j + dim / 2];
      }
    }
    for (int64_t i = 0; i < 20 * ld; i++) {
      const auto at = static_cast<size_t>(i);
      if (i % ld < heads * dim) {
        CHECK_NEAR(y[at], want[at], 1e-6);
      } else {
        CHECK_BITS(y[at], x[at]);
      }
    }
  }
}

// A table of small integers makes every product and sum exact.
TEST(rope_is_exact_on_integers) {
  const Device device;
  for (int64_t half : {1, 3, 32, 40, 64}) {
    const int64_t dim = 2 * half;
    Random random(static_cast<uint64_t>(half));
    const TestSequence tree = {5, RandomParents(random, 9), {0}};
    const auto positions = PositionsOf(tree);
    const auto table = random.Integers(static_cast<size_t>(kPositions * dim), 9);
    const auto x = random.Integers(static_cast<size_t>(9 * dim), 99);
    const auto y = Rope(device, DeviceBatch(device, {tree}), 1, dim, table, x, dim);
    for (int64_t row = 0; row < 9; row++) {
      const float* angle = table.data() + positions[static_cast<size_t>(row)] * dim;
      const float* in = x.data() + row * dim;
      const float* out = y.data() + row * dim;
      for (int64_t j = 0; j < half; j++) {
        CHECK_EQ(out[j], in[j] * angle[j] - in[j + half] * angle[j + half]);
        CHECK_EQ(out[j + half], in[j + half] * angle[j] + in[j] * angle[j + half]);
      }
    }
  }
}

TEST(rope_row_alone_has_the_same_bits) {
  const Device device;
  for (int64_t dim : {64, 80}) {
    Random random(2);
    const TestSequence chain = {0, ChainParents(128), {0, 1}};
    const auto table = Table(dim);
    const auto x = random.Normals(static_cast<size_t>(128 * dim));
    const auto y = Rope(device, DeviceBatch(device, {chain}), 1, dim, table, x, dim);
    for (int32_t i = 0; i < 128; i += 9) {
      const auto alone = Rope(device, DeviceBatch(device, {{i, {-1}, {0, 1}}}), 1, dim, table,
                              {x.begin() + i * dim, x.begin() + (i + 1) * dim}, dim);
      for (int64_t j = 0; j < dim; j++) {
        CHECK_BITS(alone[static_cast<size_t>(j)], y[static_cast<size_t>(i * dim + j)]);
      }
    }
  }
}
