#include <cfloat>
#include <cstring>

#include "cache_on_device.h"

using namespace jangle;
using namespace jangle::test;

namespace {

// The cache element that a value is stored as.
float Stored(float x, float) { return x; }
uint16_t Stored(float x, uint16_t) { return FloatToHalf(x); }

template <typename T>
void CheckAppend(const Device& device, int32_t dtype, int64_t kv_heads, int64_t dim) {
  CHECK_CONTEXT("dtype %d, %lld heads of %lld", dtype, static_cast<long long>(kv_heads),
                static_cast<long long>(dim));
  Random random(static_cast<uint64_t>(dim));
  // Two sequences; the first crosses a page.
  const std::vector<TestSequence> sequences = {{50, RandomParents(random, 20), {3, 1}},
                                               {2, ChainParents(10), {2}}};
  const DeviceBatch batch(device, sequences);
  const int64_t n = kv_heads * dim;
  const int64_t ldk = n + 1;
  const int64_t ldv = n + 2;
  const auto k = random.Normals(static_cast<size_t>(30 * ldk));
  const auto v = random.Normals(static_cast<size_t>(30 * ldv));
  const DeviceArray<float> device_k(device, k);
  const DeviceArray<float> device_v(device, v);
  const int64_t side = n * kPage;
  std::vector<T> want(static_cast<size_t>(4 * 2 * side), static_cast<T>(77));
  const DeviceArray<T> pages(device, want);
  CHECK_OK(jg_kv_append(device.stream(), batch.batch(), dtype, kv_heads, dim, device_k.data(), ldk,
                        device_v.data(), ldv, pages.data()));
  int32_t row = 0;
  for (const TestSequence& s : sequences) {
    for (size_t r = 0; r < s.parents.size(); r++, row++) {
      const int64_t slot = s.committed + static_cast<int64_t>(r);
      const int64_t page = s.pages[static_cast<size_t>(slot / kPage)];
      for (int64_t i = 0; i < n; i++) {
        const int64_t at = page * 2 * side + i / dim * kPage * dim + slot % kPage * dim + i % dim;
        want[static_cast<size_t>(at)] = Stored(k[static_cast<size_t>(row * ldk + i)], T{});
        want[static_cast<size_t>(at + side)] = Stored(v[static_cast<size_t>(row * ldv + i)], T{});
      }
    }
  }
  const auto got = pages.Download();
  for (size_t i = 0; i < want.size(); i++) CHECK_EQ(got[i], want[i]);
}

}  // namespace

TEST(kv_append_writes_its_slots_only) {
  const Device device;
  for (int64_t dim : {2, 6, 64, 80, 128}) {
    for (int64_t kv_heads : {1, 3}) {
      CheckAppend<float>(device, JG_F32, kv_heads, dim);
      CheckAppend<uint16_t>(device, JG_F16, kv_heads, dim);
    }
  }
}

// Halves of every magnitude, their neighbourhood and the midpoints to the next ones.
TEST(kv_append_rounds_halves_to_nearest_even) {
  const Device device;
  std::vector<float> values;
  for (uint32_t half = 0; half < 0x7c00; half += half % 1024 < 4 || half % 1024 > 1018 ? 1 : 61) {
    const float x = HalfToFloat(static_cast<uint16_t>(half));
    const float next = half == 0x7bff ? 65536.0f : HalfToFloat(static_cast<uint16_t>(half + 1));
    const float middle = (x + next) / 2;
    for (float y : {x, std::nextafterf(middle, x), middle, std::nextafterf(middle, next)}) {
      values.push_back(half % 2 == 0 ? y : -y);
    }
  }
  for (float x : {INFINITY, -INFINITY, 1e30f, -1e30f, 1e-30f, -0.0f, FLT_MIN / 4}) {
    values.push_back(x);
  }
  while (values.size() % 64 != 0) values.push_back(0);
  const auto rows = static_cast<int32_t>(values.size() / 64);
  std::vector<int32_t> pages;
  for (int32_t i = 0; i <= rows / kPage; i++) pages.push_back(i);
  const AttentionShape shape = {1, 1, 64};
  DeviceCache cache(device, shape, JG_F16, static_cast<int32_t>(pages.size()));
  cache.Append(DeviceBatch(device, {{0, ChainParents(rows), pages}}), values, values);
  const auto bytes = cache.bytes().Download();
  for (size_t i = 0; i < values.size(); i++) {
    const size_t row = i / 64;
    uint16_t stored = 0;
    std::memcpy(&stored, &bytes[2 * (row / kPage * 2 * kPage * 64 + row % kPage * 64 + i % 64)], 2);
    CHECK_CONTEXT("value %a", static_cast<double>(values[i]));
    CHECK_EQ(stored, FloatToHalf(values[i]));
  }
}
