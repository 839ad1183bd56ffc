#include <algorithm>
#include <numeric>

#include "device.h"
#include "random.h"

using namespace jangle;
using namespace jangle::test;

namespace {

constexpr int64_t kTableRows = 5;

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
  const Device device;
  const std::vector<int32_t> ids = {3, 0, 4, 3, -1, 5, 2};
  for (int64_t n : {1, 4, 7, 33, 516}) {
    for (int64_t pad : {0, 3}) {
      CHECK_CONTEXT("n %lld, pad %lld", static_cast<long long>(n), static_cast<long long>(pad));
      const int64_t ld = n + pad;
      const auto table = Random(1).Normals(static_cast<size_t>(kTableRows * ld - pad));
      const DeviceArray<float> from(device, table);
      const DeviceArray<int32_t> all(device, ids);
      const std::vector<float> poison(static_cast<size_t>(7 * ld - pad), NAN);
      const DeviceArray<float> to(device, poison);
      to.Forget();
      CHECK_OK(jg_gather_rows(device.stream(), 7, n, all.data(), from.data(), kTableRows, ld,
                              to.data(), ld));
      const auto out = to.Download();
      for (int64_t i = 0; i < std::ssize(out); i++) {
        const int64_t id = ids[static_cast<size_t>(i / ld)];
        if (i % ld < n && id >= 0 && id < kTableRows) {
          CHECK_BITS(out[static_cast<size_t>(i)], table[static_cast<size_t>(id * ld + i % ld)]);
        } else {
          CHECK(std::isnan(out[static_cast<size_t>(i)]));
        }
      }
    }
  }
}

// Every row is added in ascending order, so the bits are those of the plain loop. Some ids have
// more rows than a warp looks at in one go, some exactly as many.
TEST(embed_backward_adds_rows_in_order) {
  const Device device;
  for (int64_t n : {1, 5, 40, 132, 516}) {
    CHECK_CONTEXT("n %lld", static_cast<long long>(n));
    Random random(static_cast<uint64_t>(n));
    std::vector<int32_t> ids(32, 3);
    ids.insert(ids.end(), 70, 0);
    while (ids.size() < 130) ids.push_back(static_cast<int32_t>(random.Below(4)) * 2 - 1);
    for (size_t i = ids.size() - 1; i > 0; i--) {
      std::swap(ids[i], ids[static_cast<size_t>(random.Below(static_cast<int64_t>(i) + 1))]);
    }
    const int64_t rows = std::ssize(ids);
    const auto dout = random.Normals(static_cast<size_t>(rows * (n + 1) - 1));
    const auto before = random.Normals(static_cast<size_t>(kTableRows * (n + 2) - 2));
    const DeviceArray<float> d(device, dout), table(device, before);
    const DeviceArray<int32_t> all(device, ids), order(device, Order(ids));
    CHECK_OK(jg_embed_backward(device.stream(), rows, n, all.data(), order.data(), d.data(), n + 1,
                               table.data(), kTableRows, n + 2));
    auto want = before;
    for (int64_t i = 0; i < rows; i++) {
      const int64_t id = ids[static_cast<size_t>(i)];
      for (int64_t j = 0; j < n && id >= 0 && id < kTableRows; j++) {
        want[static_cast<size_t>(id * (n + 2) + j)] += dout[static_cast<size_t>(i * (n + 1) + j)];
      }
    }
    const auto got = table.Download();
    for (size_t i = 0; i < want.size(); i++) CHECK_BITS(got[i], want[i]);
  }
}

TEST(embed_backward_leaves_out_rows_that_do_not_exist) {
  const Device device;
  const DeviceArray<float> dout(device, std::vector<float>{1, 2, 3});
  const DeviceArray<float> table(device, std::vector<float>{10, 20, 30});
  const DeviceArray<int32_t> ids(device, std::vector<int32_t>{0, 1, 2});
  const DeviceArray<int32_t> order(device, std::vector<int32_t>{-7, 1, 3});
  CHECK_OK(jg_embed_backward(device.stream(), 3, 1, ids.data(), order.data(), dout.data(), 1,
                             table.data(), 3, 1));
  const auto got = table.Download();
  CHECK_EQ(got[0], 10.0f);
  CHECK_EQ(got[1], 22.0f);
  CHECK_EQ(got[2], 30.0f);
}
