#include <algorithm>
#include <cmath>

#include "device.h"
#include "random.h"

using namespace jangle;
using namespace jangle::test;

namespace {

// The first k of rows that lie n + pad apart.
void CheckRows(const Device& device, const std::vector<float>& x, int64_t rows, int64_t n,
               int64_t k, int64_t pad = 0) {
  std::vector<float> all(static_cast<size_t>(rows * (n + pad)), NAN);
  for (int64_t row = 0; row < rows; row++) {
    std::copy_n(x.begin() + row * n, n, all.begin() + row * (n + pad));
  }
  const DeviceArray<float> logits(device, all);
  const DeviceArray<int32_t> ids(device, rows * k);
  const DeviceArray<float> values(device, rows * k);
  ids.Forget();
  values.Forget();
  CHECK_OK(jg_topk(device.stream(), rows, n, k, logits.data(), n + pad, ids.data(), values.data()));
  const auto got_ids = ids.Download();
  const auto got_values = values.Download();
  for (int64_t row = 0; row < rows; row++) {
    CHECK_CONTEXT("n %lld, k %lld, row %lld of %lld", static_cast<long long>(n),
                  static_cast<long long>(k), static_cast<long long>(row),
                  static_cast<long long>(rows));
    const float* logit = x.data() + row * n;
    const bool nan = std::any_of(logit, logit + n, [](float v) { return std::isnan(v); });
    std::vector<int32_t> order(static_cast<size_t>(n));
    for (size_t i = 0; i < order.size(); i++) order[i] = static_cast<int32_t>(i);
    if (!nan) {
      std::stable_sort(order.begin(), order.end(),
                       [&](int32_t a, int32_t b) { return logit[a] > logit[b]; });
    }
    for (int64_t i = 0; i < k; i++) {
      const auto at = static_cast<size_t>(row * k + i);
      const int32_t want = nan ? -1 : order[static_cast<size_t>(i)];
      CHECK_EQ(got_ids[at], want);
      CHECK_BITS(got_values[at], nan ? -1.0f : logit[want]);
    }
  }
}

void CheckRow(const Device& device, const std::vector<float>& x, int64_t k) {
  CheckRows(device, x, 1, static_cast<int64_t>(x.size()), k);
}

}  // namespace

TEST(topk_matches_a_stable_sort) {
  const Device device;
  Random random(1);
  for (int64_t n : {1, 2, 5, 64, 65, 1000, 2048, 2049, 5003, 9000}) {
    for (int64_t k : {1, 10, 63, 64}) {
      if (k > n) continue;
      const auto size = static_cast<size_t>(n);
      CheckRow(device, random.Normals(size), k);
      CheckRow(device, random.Integers(size, 4), k);
      CheckRow(device, std::vector<float>(size, -1.0f), k);
      std::vector<float> sorted = random.Normals(size);
      std::sort(sorted.begin(), sorted.end());
      CheckRow(device, sorted, k);
      std::reverse(sorted.begin(), sorted.end());
      CheckRow(device, sorted, k);
      std::vector<float> few(size, -INFINITY);
      few[size / 2] = INFINITY;
      CheckRow(device, few, k);
    }
  }
}

TEST(topk_takes_minus_zero_for_zero) {
  const Device device;
  std::vector<float> x(100, -0.0f);
  for (size_t i = 0; i < 100; i += 3) x[i] = 0.0f;
  CheckRow(device, x, 20);
}

// Large logits at few residues of their id: wherever a kernel divides a row among threads by the
// id, a few threads hold nearly all of them.
TEST(topk_of_clustered_rows) {
  const Device device;
  Random random(4);
  auto x = random.Normals(41000);
  for (size_t i = 0; i < x.size(); i++) {
    if (i / 4 % 1024 < 62) x[i] += 100.0f;
  }
  CheckRow(device, x, 64);
}

TEST(topk_of_a_row_with_nan_is_all_minus_one) {
  const Device device;
  for (int64_t n : {10, 200, 3000}) {
    for (int64_t at : {int64_t{0}, n / 3, n - 1}) {
      Random random(static_cast<uint64_t>(at));
      auto x = random.Normals(static_cast<size_t>(3 * n));
      x[static_cast<size_t>(n + at)] = at % 2 == 0 ? NAN : -NAN;
      CheckRows(device, x, 3, n, 10);
    }
  }
}

TEST(topk_row_alone_is_the_same) {
  const Device device;
  Random random(3);
  const auto logits = random.Integers(40 * 500, 40);
  for (int64_t m : {1, 3, 40}) CheckRows(device, logits, m, 500, 10, 3);
}
