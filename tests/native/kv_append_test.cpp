#include "check.h"
#include "guard.h"
#include "jangle.h"
#include "random.h"
#include "reference.h"
#include "test_batch.h"
#include "tiers.h"

using namespace jangle;
using namespace jangle::test;

namespace {

// The cache element that a value is stored as, in bits.
uint32_t Stored(float x, float) { return std::bit_cast<uint32_t>(x); }
uint32_t Stored(float x, uint16_t) { return FloatToHalf(x); }
uint32_t BitsOf(float x) { return std::bit_cast<uint32_t>(x); }
uint32_t BitsOf(uint16_t x) { return x; }

template <typename T>
void CheckAppend(const Tier& tier, int32_t dtype, int64_t kv_heads, int64_t dim) {
  CHECK_CONTEXT("tier %s, dtype %d, %lld heads of %lld", tier.name, dtype,
                static_cast<long long>(kv_heads), static_cast<long long>(dim));
  Random random(static_cast<uint64_t>(dim));
  const int32_t rows = 30;
  // Two sequences; the first crosses a page.
  const TestBatch batch({{50, RandomParents(random, 20), {3, 1}}, {2, ChainParents(10), {2}}},
                        true);
  const int64_t n = kv_heads * dim;
  const int64_t ldk = n + 1;
  const int64_t ldv = n + 2;
  const auto k = random.Normals(static_cast<size_t>(rows * ldk - 1));
  const auto v = random.Normals(static_cast<size_t>(rows * ldv - 2));
  GuardedBuffer<float> guarded_k(k);
  GuardedBuffer<float> guarded_v(v);
  const int64_t side = n * kPage;
  GuardedBuffer<T> pages(static_cast<size_t>(4 * 2 * side));
  const KvAppendArgs args = {&batch.view(),    dtype, kv_heads,    dim, guarded_k.data(), ldk,
                             guarded_v.data(), ldv,   pages.data()};
  tier.kernels->kv_append(args, 0, 7);
  tier.kernels->kv_append(args, 7, rows);
  CHECK(pages.SlackIntact());

  std::vector<T> want(pages.size());
  std::memset(want.data(), 0xff, want.size() * sizeof(T));
  std::vector<uint32_t> bits(want.size());
  for (size_t i = 0; i < want.size(); i++) bits[i] = BitsOf(want[i]);
  for (int32_t row = 0; row < rows; row++) {
    const int32_t slot = batch.view().slot[row];
    const int64_t page = batch.PageTable(row)[slot / kPage];
    for (int64_t i = 0; i < n; i++) {
      const int64_t at = page * 2 * side + i / dim * kPage * dim + slot % kPage * dim + i % dim;
      bits[static_cast<size_t>(at)] = Stored(k[static_cast<size_t>(row * ldk + i)], T{});
      bits[static_cast<size_t>(at + side)] = Stored(v[static_cast<size_t>(row * ldv + i)], T{});
    }
  }
  for (size_t i = 0; i < bits.size(); i++) CHECK_EQ(BitsOf(pages[i]), bits[i]);
}

}  // namespace

TEST(kv_append_writes_its_slots_only) {
  for (const Tier& tier : Tiers()) {
    for (int64_t dim : {2, 6, 16, 64, 80, 128}) {
      for (int64_t kv_heads : {1, 3}) {
        CheckAppend<float>(tier, JG_F32, kv_heads, dim);
        CheckAppend<uint16_t>(tier, JG_F16, kv_heads, dim);
      }
    }
  }
}

// Every half, its neighbourhood and the midpoints to the next one.
TEST(kv_append_rounds_halves_to_nearest_even) {
  std::vector<float> values;
  for (uint32_t half = 0; half < 0x7c00; half++) {
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
  // Only slots matter here.
  std::vector<int32_t> slot, zero(static_cast<size_t>(rows), 0);
  for (int32_t i = 0; i < rows; i++) slot.push_back(i);
  BatchView view;
  view.rows = rows;
  view.live = &view.rows;
  view.max_pages = static_cast<int32_t>(pages.size());
  view.sequence = zero.data();
  view.slot = slot.data();
  view.pages = pages.data();
  for (const Tier& tier : Tiers()) {
    CHECK_CONTEXT("tier %s", tier.name);
    std::vector<uint16_t> cache(pages.size() * 2 * kPage * 64);
    tier.kernels->kv_append(
        {&view, JG_F16, 1, 64, values.data(), 64, values.data(), 64, cache.data()}, 0, rows);
    for (size_t i = 0; i < values.size(); i++) {
      const size_t row = i / 64;
      const uint16_t stored = cache[row / kPage * 2 * kPage * 64 + row % kPage * 64 + i % 64];
      CHECK_CONTEXT("value %a", static_cast<double>(values[i]));
      CHECK_EQ(stored, FloatToHalf(values[i]));
    }
  }
}
