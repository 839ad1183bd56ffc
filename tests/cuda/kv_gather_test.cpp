#include <numeric>

#include "cache_on_device.h"

using namespace jangle;
using namespace jangle::test;

namespace {

struct Move {
  int32_t from, to;
};

// Every element has a value of its own; what the moves leave must be what a copy of all sources
// before the first write leaves.
template <typename T>
void CheckGather(const Device& device, int32_t dtype, int64_t kv_heads, int64_t dim,
                 const std::vector<Move>& moves) {
  CHECK_CONTEXT("dtype %d, %lld heads of %lld, %zu moves", dtype, static_cast<long long>(kv_heads),
                static_cast<long long>(dim), moves.size());
  const int64_t layers = 3;
  const std::vector<int32_t> table = {4, 0, 3, 2};           // page 1 belongs to somebody else
  const int64_t layer = 5 * 2 * kv_heads * kPage * dim + 8;  // layers lie apart
  std::vector<T> want(static_cast<size_t>(layers * layer));
  for (size_t i = 0; i < want.size(); i++) want[i] = static_cast<T>(i % 60013);
  const std::vector<T> before = want;
  const DeviceArray<T> pages(device, before);
  std::vector<int32_t> from, to;
  for (const Move& move : moves) {
    from.push_back(move.from);
    to.push_back(move.to);
  }
  CHECK_OK(jg_kv_gather(device.stream(), dtype, kv_heads, dim, layers,
                        layer * static_cast<int64_t>(sizeof(T)), table.data(), 4,
                        static_cast<int64_t>(moves.size()), from.data(), to.data(), pages.data()));
  const auto at = [&](int32_t slot, int64_t head) {
    return (table[static_cast<size_t>(slot / kPage)] * 2 * kv_heads + head) * kPage * dim +
           slot % kPage * dim;
  };
  for (const Move& move : moves) {
    for (int64_t l = 0; l < layers; l++) {
      for (int64_t head = 0; head < 2 * kv_heads; head++) {
        for (int64_t d = 0; d < dim; d++) {
          want[static_cast<size_t>(l * layer + at(move.to, head) + d)] =
              before[static_cast<size_t>(l * layer + at(move.from, head) + d)];
        }
      }
    }
  }
  const auto got = pages.Download();
  for (size_t i = 0; i < want.size(); i++) CHECK_EQ(got[i], want[i]);
}

}  // namespace

TEST(kv_gather_moves_its_slots_only) {
  const Device device;
  std::vector<Move>
      shift_by_one;  // each target is the source of the move before; more than a launch
  for (int32_t i = 0; i < 200; i++) shift_by_one.push_back({i + 21, i + 20});
  const std::vector<std::vector<Move>> cases = {{},
                                                {{9, 9}},
                                                {{70, 3}},
                                                {{60, 60},
                                                 {62, 61},
                                                 {65, 62},
                                                 {66, 63},
                                                 {68, 64},
                                                 {131, 65},
                                                 {132, 66},
                                                 {140, 67},
                                                 {141, 68},
                                                 {255, 69}},
                                                shift_by_one};
  for (const auto& moves : cases) {
    for (int64_t dim : {3, 16, 64}) {
      CheckGather<float>(device, JG_F32, 2, dim, moves);
      CheckGather<uint16_t>(device, JG_F16, 2, dim, moves);
    }
  }
}

TEST(kv_gather_refuses_moves_that_would_overwrite) {
  const Device device;
  const DeviceArray<uint16_t> pages(device, 2 * kPage * 8);
  const int32_t table = 0;
  const auto gather = [&](const std::vector<Move>& moves) {
    std::vector<int32_t> from, to;
    for (const Move& move : moves) {
      from.push_back(move.from);
      to.push_back(move.to);
    }
    return jg_kv_gather(device.stream(), JG_F16, 1, 8, 1, pages.Bytes(), &table, 1,
                        static_cast<int64_t>(moves.size()), from.data(), to.data(), pages.data());
  };
  CHECK_EQ(gather({{3, 4}}), JG_INVALID_ARGUMENT);
  CHECK_EQ(gather({{5, 3}, {6, 3}}), JG_INVALID_ARGUMENT);
  CHECK_EQ(gather({{5, 2}, {5, 3}}), JG_INVALID_ARGUMENT);
  CHECK_EQ(gather({{64, 3}}), JG_INVALID_ARGUMENT);
  CHECK_EQ(gather({{5, 3}, {6, 4}}), JG_OK);
}
