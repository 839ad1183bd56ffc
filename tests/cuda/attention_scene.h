// What the tests of attention look at: a committed prefix with a tree of rows below it, and what
// each row gets when its path is decoded one token at a time.
#pragma once

#include <memory>
#include <vector>

#include "cache_on_device.h"

namespace jangle::test {

inline constexpr int32_t kCacheFormats[] = {JG_F32, JG_F16};

inline std::vector<float> Slice(const std::vector<float>& rows, int64_t row, int64_t count,
                                int64_t n) {
  return {rows.begin() + row * n, rows.begin() + (row + count) * n};
}

inline void CheckSameBits(const std::vector<float>& a, const std::vector<float>& b) {
  CHECK_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); i++) CHECK_BITS(a[i], b[i]);
}

// A committed prefix, a tree below it, and the data of all of it.
struct Scene {
  AttentionShape shape;
  int32_t dtype, committed;
  std::vector<int32_t> parents;
  Random random;
  std::vector<int32_t> pages;
  std::vector<float> prefix_k, prefix_v, k, v, q;

  Scene(const AttentionShape& s, int32_t type, int32_t count, std::vector<int32_t> tree,
        uint64_t seed)
      : shape(s), dtype(type), committed(count), parents(std::move(tree)), random(seed) {
    const auto kv = static_cast<size_t>(s.Kv());
    const size_t rows = parents.size();
    pages = ShuffledPages(random, committed + static_cast<int32_t>(rows), 0, PageCount());
    prefix_k = random.Normals(kv * static_cast<size_t>(committed));
    prefix_v = random.Normals(kv * static_cast<size_t>(committed));
    k = random.Normals(kv * rows);
    v = random.Normals(kv * rows);
    q = random.Normals(static_cast<size_t>(s.Q()) * rows);
  }
  int32_t Rows() const { return static_cast<int32_t>(parents.size()); }
  int32_t PageCount() const { return (committed + Rows()) / kPage + 2; }
  TestSequence Sequence() const { return {committed, parents, pages}; }

  // A cache with the prefix in it.
  std::unique_ptr<DeviceCache> Start(const Device& device) const {
    auto cache = std::make_unique<DeviceCache>(device, shape, dtype, PageCount());
    if (committed > 0) {
      const DeviceBatch prefix(device, {{0, ChainParents(committed), pages}});
      cache->Append(prefix, prefix_k, prefix_v);
    }
    return cache;
  }
  std::vector<int32_t> Path(int32_t row) const {
    std::vector<int32_t> path;
    for (; row >= 0; row = parents[static_cast<size_t>(row)]) path.insert(path.begin(), row);
    return path;
  }
  // What the row gets when its path is decoded one token at a time, every other slot being NaN.
  std::vector<float> Sequential(const Device& device, const DeviceCache& prefix, DeviceCache& cache,
                                int32_t row) const {
    const std::vector<int32_t> path = Path(row);
    const auto length = static_cast<int32_t>(path.size());
    std::vector<float> path_k, path_v;
    for (int32_t i : path) {
      const auto one_k = Slice(k, i, 1, shape.Kv());
      const auto one_v = Slice(v, i, 1, shape.Kv());
      path_k.insert(path_k.end(), one_k.begin(), one_k.end());
      path_v.insert(path_v.end(), one_v.begin(), one_v.end());
    }
    cache.CopyFrom(prefix);
    cache.Append(DeviceBatch(device, {{committed, ChainParents(length), pages}}), path_k, path_v);
    return cache.Attend(DeviceBatch(device, {{committed + length - 1, {-1}, pages}}),
                        Slice(q, row, 1, shape.Q()));
  }
};

}  // namespace jangle::test
