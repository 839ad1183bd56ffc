#include "cache_on_device.h"

using namespace jangle;
using namespace jangle::test;

namespace {

constexpr int64_t kPositions = 50;

std::vector<float> Table(int64_t dim) {
  std::vector<float> table;
  for (int64_t p = 0; p < kPositions; p++) {
    for (int part = 0; part < 2; part++) {
      for (int64_t j = 0; j < dim / 2; j++) {
        const double angle = static_cast<double>(p) / static_cast<double>(1 + j);
        table.push_back(static_cast<float>(part == 0 ? std::cos(angle) : std::sin(angle)));
      }
    }
  }
  return table;
}

std::vector<float> Run(const Device& device, const std::vector<int32_t>& at, int64_t heads,
                       int64_t dim, bool inverse, const std::vector<float>& x, int64_t ldx) {
  const DeviceArray<int32_t> positions(device, at);
  const DeviceArray<float> table(device, Table(dim));
  const DeviceArray<float> y(device, x);
  CHECK_OK(jg_rope_rows(device.stream(), std::ssize(at), positions.data(), heads, dim, table.data(),
                        kPositions, inverse, y.data(), ldx));
  return y.Download();
}

}  // namespace

TEST(rope_rows_has_the_bits_of_rope) {
  const Device device;
  for (int64_t dim : {2, 6, 20, 64, 128}) {
    CHECK_CONTEXT("head_dim %lld", static_cast<long long>(dim));
    const std::vector<int32_t> positions = {0, 7, 49, 7, 1};
    const int64_t ld = 3 * dim + 1;
    const auto x = Random(1).Normals(static_cast<size_t>(5 * ld));
    const auto got = Run(device, positions, 3, dim, false, x, ld);
    // A sequence of one row for each.
    std::vector<TestSequence> sequences;
    for (int32_t position : positions) sequences.push_back({position, {-1}, {0}});
    const DeviceBatch batch(device, sequences);
    const DeviceArray<float> table(device, Table(dim));
    const DeviceArray<float> y(device, x);
    CHECK_OK(
        jg_rope(device.stream(), batch.batch(), 3, dim, table.data(), kPositions, y.data(), ld));
    const auto want = y.Download();
    for (size_t i = 0; i < x.size(); i++) CHECK_BITS(got[i], want[i]);
  }
}

// The rotation is a linear map; its gradient is the transposed map: <R x, y> = <x, R^T y>.
TEST(rope_rows_inverse_is_the_gradient) {
  const Device device;
  for (int64_t dim : {2, 6, 20, 64, 66}) {
    const std::vector<int32_t> positions = {3, 30, 49};
    const auto dy = Random(2).Normals(static_cast<size_t>(3 * 2 * dim));
    const auto got = Run(device, positions, 2, dim, true, dy, 2 * dim);
    const auto table = Table(dim);
    for (int64_t i = 0; i < 3 * 2 * dim; i++) {
      const int64_t j = i % dim;
      const int64_t h = dim / 2;
      if (j >= h) continue;
      const float* angles = table.data() + positions[static_cast<size_t>(i / (2 * dim))] * dim;
      const double cosine = angles[j], sine = angles[h + j];
      const double low = dy[static_cast<size_t>(i)];
      const double high = dy[static_cast<size_t>(i + h)];
      const double bound = 3e-7 * (std::fabs(low) + std::fabs(high));
      CHECK_NEAR(got[static_cast<size_t>(i)], low * cosine + high * sine, bound);
      CHECK_NEAR(got[static_cast<size_t>(i + h)], high * cosine - low * sine, bound);
    }
  }
}

TEST(rope_rows_takes_the_nearest_position) {
  const Device device;
  const auto x = Random(3).Normals(2 * 16);
  const auto wrong = Run(device, {-5, 50}, 1, 16, false, x, 16);
  const auto right = Run(device, {0, 49}, 1, 16, false, x, 16);
  for (size_t i = 0; i < x.size(); i++) CHECK_BITS(wrong[i], right[i]);
}
