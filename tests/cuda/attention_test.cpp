#include <memory>

#include "cache_on_device.h"

using namespace jangle;
using namespace jangle::test;

namespace {

std::vector<float> Slice(const std::vector<float>& rows, int64_t row, int64_t count, int64_t n) {
  return {rows.begin() + row * n, rows.begin() + (row + count) * n};
}

void CheckSameBits(const std::vector<float>& a, const std::vector<float>& b) {
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

// Rows 0, stride, 2 stride ... of the tree equal sequential decoding, as does the last.
void CheckTree(const Device& device, const Scene& scene, int32_t stride = 1) {
  CHECK_CONTEXT("heads %d/%d, head_dim %d, dtype %d, committed %d, rows %d",
                static_cast<int>(scene.shape.heads), static_cast<int>(scene.shape.kv_heads),
                static_cast<int>(scene.shape.dim), scene.dtype, scene.committed, scene.Rows());
  const auto prefix = scene.Start(device);
  DeviceCache cache(device, scene.shape, scene.dtype, scene.PageCount());
  cache.CopyFrom(*prefix);
  const DeviceBatch batch(device, {scene.Sequence()});
  cache.Append(batch, scene.k, scene.v);
  const auto together = cache.Attend(batch, scene.q);
  for (int32_t row = 0; row < scene.Rows(); row++) {
    if (row % stride != 0 && row != scene.Rows() - 1) continue;
    CHECK_CONTEXT("row %d", row);
    CheckSameBits(scene.Sequential(device, *prefix, cache, row),
                  Slice(together, row, 1, scene.shape.Q()));
  }
}

constexpr int32_t kCacheFormats[] = {JG_F32, JG_F16};

}  // namespace

TEST(attention_of_a_tree_equals_sequential_decoding) {
  const Device device;
  for (int32_t dtype : kCacheFormats) {
    uint64_t seed = 1;
    for (int32_t committed : {0, 1, 40, 62, 63, 64, 65, 127, 128, 190}) {
      Random random(seed++);
      CheckTree(device, Scene({3, 1, 64}, dtype, committed, RandomParents(random, 14), seed), 3);
    }
  }
}

// Chains and bushes whose depth crosses chunks, ranges of chunks, and the first long range.
TEST(attention_of_deep_trees_equals_sequential_decoding) {
  const Device device;
  Random random(3);
  for (int32_t dtype : kCacheFormats) {
    CheckTree(device, Scene({2, 1, 32}, dtype, 60, ChainParents(70), 4), 8);
    CheckTree(device, Scene({2, 1, 32}, dtype, 125, RandomParents(random, 128), 5), 31);
    std::vector<int32_t> comb;  // a chain with a leaf at every node: slots run away from positions
    for (int32_t i = 0; i < 60; i++) comb.push_back(i % 2 == 0 ? i - 2 : i - 1);
    comb[0] = -1;
    CheckTree(device, Scene({2, 1, 32}, dtype, 50, comb, 6), 11);
    CheckTree(device, Scene({1, 1, 32}, dtype, 2043, ChainParents(12), 7), 4);
    CheckTree(device, Scene({1, 1, 32}, dtype, 2559, RandomParents(random, 6), 8), 5);
  }
}

TEST(attention_of_a_tree_equals_sequential_decoding_in_every_shape) {
  const Device device;
  for (int32_t dtype : kCacheFormats) {
    uint64_t seed = 100;
    for (int64_t dim : {2, 18, 32, 64, 80, 128, 136, 256}) {
      for (int64_t group : {1, 3, 4, 8, 11}) {
        if (group > 4 && dim != 64 && dim != 256) continue;
        Random random(seed++);
        CheckTree(device, Scene({2 * group, 2, dim}, dtype, 70, RandomParents(random, 6), seed), 4);
      }
    }
    // More query heads than a block has columns.
    CheckTree(device, Scene({64, 1, 32}, dtype, 65, {-1, 0, 0}, 9), 1);
    CheckTree(device, Scene({40, 1, 136}, dtype, 65, {-1, 0, 0}, 9), 1);
  }
}

// Tiles of every width, and more rows than one launch takes.
TEST(attention_row_has_the_same_bits_among_any_number) {
  const Device device;
  for (int64_t dim : {32, 128}) {
    Random random(21);
    const Scene scene({2, 2, dim}, JG_F16, 130, RandomParents(random, 80), 22);
    const auto cache = scene.Start(device);
    cache->Append(DeviceBatch(device, {scene.Sequence()}), scene.k, scene.v);
    const auto all = cache->Attend(DeviceBatch(device, {scene.Sequence()}), scene.q);
    for (int32_t m : {1, 2, 7, 8, 9, 31, 32, 33, 63, 64, 65, 79}) {
      CHECK_CONTEXT("head_dim %d, %d rows", static_cast<int>(dim), m);
      TestSequence some = scene.Sequence();
      some.parents.resize(static_cast<size_t>(m));
      CheckSameBits(
          cache->Attend(DeviceBatch(device, {some}), Slice(scene.q, 0, m, scene.shape.Q())),
          Slice(all, 0, m, scene.shape.Q()));
    }
  }
  for (int32_t dtype : kCacheFormats) {
    CheckTree(device, Scene({2, 1, 16}, dtype, 3, ChainParents(300), 23), 75);
  }
}

// Sequences of their own and forks that share pages, each as if it were alone.
TEST(attention_of_several_sequences_keeps_them_apart) {
  const Device device;
  const AttentionShape shape = {4, 2, 32};
  for (int32_t dtype : kCacheFormats) {
    Random random(31);
    DeviceCache cache(device, shape, dtype, 12);
    const auto append = [&](const TestSequence& s) {
      const size_t n = s.parents.size() * static_cast<size_t>(shape.Kv());
      cache.Append(DeviceBatch(device, {s}), random.Normals(n), random.Normals(n));
    };
    append({0, ChainParents(130), {5, 2, 7}});
    append({0, ChainParents(70), {10, 9}});
    append({128, ChainParents(5), {5, 2, 8}});  // forks of the first, with a last page of their own
    append({128, ChainParents(60), {5, 2, 11}});
    append({70, {-1}, {10, 9}});
    std::vector<TestSequence> sequences = {{130, RandomParents(random, 12), {5, 2, 7}},
                                           {70, {-1}, {10, 9}},
                                           {133, RandomParents(random, 50), {5, 2, 8}},
                                           {71, {-1, -1, 1}, {10, 9}},
                                           {0, RandomParents(random, 3), {4}},
                                           {188, RandomParents(random, 65), {5, 2, 11, 6}}};
    std::vector<float> q, alone;
    for (const TestSequence& s : sequences) {
      append(s);
      const auto own = random.Normals(s.parents.size() * static_cast<size_t>(shape.Q()));
      const auto out = cache.Attend(DeviceBatch(device, {s}), own);
      q.insert(q.end(), own.begin(), own.end());
      alone.insert(alone.end(), out.begin(), out.end());
    }
    CheckSameBits(cache.Attend(DeviceBatch(device, sequences), q), alone);
    // Batches for longer contexts divide the work otherwise.
    DeviceBatch wide(device, 200, 8, 4000);
    wide.Set(sequences);
    CheckSameBits(cache.Attend(wide, q), alone);
  }
}

// A graph recorded with one batch serves later batches of as many rows.
TEST(attention_graph_serves_later_batches) {
  const Device device;
  const AttentionShape shape = {4, 2, 64};
  for (int32_t dtype : kCacheFormats) {
    Random random(41);
    DeviceCache cache(device, shape, dtype, 6);
    const std::vector<int32_t> pages = {3, 1, 5, 0};
    const auto values = random.Normals(static_cast<size_t>(250 * shape.Kv()));
    cache.Append(DeviceBatch(device, {{0, ChainParents(250), pages}}), values, values);
    DeviceBatch batch(device, 6, 6, 4);
    const auto q = random.Normals(static_cast<size_t>(6 * shape.Q()));
    const DeviceArray<float> device_q(device, q);
    const DeviceArray<float> out(device, static_cast<int64_t>(q.size()));
    batch.Set({{5, {-1, 0, 1, 1, 0, -1}, pages}});
    const DeviceArray<uint8_t> scratch(device, cache.ScratchBytes(batch));
    jg_graph* graph = nullptr;
    CHECK_OK(jg_graph_begin(device.stream()));
    cache.Enqueue(batch, device_q, out, scratch, 0);
    CHECK_OK(jg_graph_end(device.stream(), &graph));
    const std::vector<std::vector<TestSequence>> later = {
        {{200, {-1, 0, 0, 2, 2, 2}, pages}},
        {{0, {-1, -1}, {3}}, {130, {-1, 0, 0}, {3, 1, 5}}, {66, {-1}, {3, 1}}},
        {{240, ChainParents(6), pages}}};
    for (const auto& sequences : later) {
      batch.Set(sequences);
      CHECK_OK(jg_graph_launch(device.stream(), graph));
      CheckSameBits(out.Download(), cache.Attend(DeviceBatch(device, sequences), q));
    }
    CHECK_OK(jg_graph_destroy(graph));
  }
}

namespace {

// The keys (or values) of a head that a row sees, as the cache holds them.
std::vector<float> Seen(const Scene& scene, const DeviceCache& cache, int32_t row, int64_t kv_head,
                        const std::vector<float>& prefix, const std::vector<float>& own) {
  std::vector<float> seen;
  const auto add = [&](const std::vector<float>& from, int64_t i) {
    for (int64_t d = 0; d < scene.shape.dim; d++) {
      const int64_t at = i * scene.shape.Kv() + kv_head * scene.shape.dim + d;
      seen.push_back(cache.Stored(from[static_cast<size_t>(at)]));
    }
  };
  for (int32_t i = 0; i < scene.committed; i++) add(prefix, i);
  for (int32_t i : scene.Path(row)) add(own, i);
  return seen;
}

// Weights in f16 err by 2^-12 of themselves, in numerator and denominator.
void CheckAgainstDouble(const Device& device, const Scene& scene, double slack = 0) {
  const AttentionShape& shape = scene.shape;
  const int64_t dim = shape.dim;
  const bool tensor_cores = scene.dtype == JG_F16 && dim % 8 == 0;
  const auto cache = scene.Start(device);
  const DeviceBatch batch(device, {scene.Sequence()});
  cache->Append(batch, scene.k, scene.v);
  const auto out = cache->Attend(batch, scene.q);
  for (int32_t row = 0; row < scene.Rows(); row++) {
    for (int64_t head = 0; head < shape.heads; head++) {
      const int64_t kv_head = head / (shape.heads / shape.kv_heads);
      const auto keys = Seen(scene, *cache, row, kv_head, scene.prefix_k, scene.k);
      const auto values = Seen(scene, *cache, row, kv_head, scene.prefix_v, scene.v);
      const float* q = scene.q.data() + row * shape.Q() + head * dim;
      const auto count = static_cast<int64_t>(keys.size()) / dim;
      const auto exact =
          AttentionReference<double>(q, keys.data(), values.data(), count, dim, shape.Scale());
      const auto naive =
          AttentionReference<float>(q, keys.data(), values.data(), count, dim, shape.Scale());
      const double most = LargestMagnitude(values.data(), static_cast<int64_t>(values.size()));
      const double bound =
          ErrorBound(naive, exact, 8) + (tensor_cores ? 0x1p-11 * most : 0) + slack;
      CHECK_CONTEXT("row %d, head %d", row, static_cast<int>(head));
      CHECK_NEAR(LargestDifference(out.data() + row * shape.Q() + head * dim, exact.data(), dim), 0,
                 bound);
    }
  }
}

}  // namespace

TEST(attention_matches_double) {
  const Device device;
  for (int32_t dtype : kCacheFormats) {
    for (int64_t dim : {18, 32, 64, 80, 128, 256}) {
      for (int32_t committed : {0, 5, 64, 300}) {
        CHECK_CONTEXT("dtype %d, head_dim %d, committed %d", dtype, static_cast<int>(dim),
                      committed);
        Scene scene({4, 2, dim}, dtype, committed, {-1, 0, 0, 1, -1}, 41);
        for (float& x : scene.q) x *= 2;  // far from uniform weights
        CheckAgainstDouble(device, scene);
      }
    }
  }
}

// Queries beyond the range of f16, and queries so small that f16 would lose them.
TEST(attention_takes_queries_of_any_size) {
  const Device device;
  for (int32_t dtype : kCacheFormats) {
    const std::pair<int, int> exponents[] = {{-80, 0}, {-20, 0}, {17, -14}, {-12, 13}};
    for (const auto& [of_q, of_k] : exponents) {
      CHECK_CONTEXT("dtype %d, 2^%d", dtype, of_q);
      Scene scene({2, 1, 64}, dtype, 70, {-1, 0}, 43);
      for (float& x : scene.q) x = std::ldexp(x, of_q);
      for (float& x : scene.prefix_k) x = std::ldexp(x, of_k);
      for (float& x : scene.k) x = std::ldexp(x, of_k);
      CheckAgainstDouble(device, scene);
    }
  }
}

// Two keys that differ in every dimension and whose large scores hardly do: what f16 takes from a
// query would tip the balance.
TEST(attention_weighs_large_scores) {
  const Device device;
  for (int32_t dtype : kCacheFormats) {
    for (uint64_t seed = 71; seed < 81; seed++) {
      Scene scene({1, 1, 64}, dtype, 1, {-1}, seed);
      size_t largest = 0;
      double difference = 0;
      for (size_t d = 0; d < 64; d++) {
        scene.q[d] *= 256;
        difference += static_cast<double>(scene.q[d]) * (scene.prefix_k[d] - scene.k[d]);
        if (std::fabs(scene.q[d]) > std::fabs(scene.q[largest])) largest = d;
      }
      scene.k[largest] += static_cast<float>(difference / scene.q[largest]);
      CheckAgainstDouble(device, scene, 1e-4);
    }
  }
}

// Weights of e^-18 of the largest count, too: f16 itself ends at e^-16.6.
TEST(attention_keeps_small_weights) {
  const Device device;
  for (int32_t dtype : kCacheFormats) {
    Scene scene({1, 1, 16}, dtype, 300, {-1}, 81);
    scene.q.assign(scene.q.size(), 4.0f);
    scene.prefix_k.assign(scene.prefix_k.size(), -18.0f / 16);
    scene.prefix_v.assign(scene.prefix_v.size(), 1.0f);
    scene.k.assign(scene.k.size(), 0.0f);
    scene.v.assign(scene.v.size(), 0.0f);
    const auto cache = scene.Start(device);
    const DeviceBatch batch(device, {scene.Sequence()});
    cache->Append(batch, scene.k, scene.v);
    const double exact = 300 * std::exp(-18.0) / (1 + 300 * std::exp(-18.0));
    for (float x : cache->Attend(batch, scene.q)) CHECK_NEAR(x, exact, exact * 0x1p-10);
  }
}

// q = 0 gives every key the weight 1: the mean of integers, one rounding from the exact sums.
TEST(attention_averages_integers_exactly) {
  const Device device;
  for (int32_t dtype : kCacheFormats) {
    for (int32_t committed : {0, 62, 63, 64, 200}) {
      CHECK_CONTEXT("dtype %d, committed %d", dtype, committed);
      Random random(51);
      Scene scene({6, 2, 24}, dtype, committed, RandomParents(random, 30), 52);
      scene.prefix_v = random.Integers(scene.prefix_v.size(), 1000);
      scene.v = random.Integers(scene.v.size(), 1000);
      scene.q.assign(scene.q.size(), 0.0f);
      const auto cache = scene.Start(device);
      const DeviceBatch batch(device, {scene.Sequence()});
      cache->Append(batch, scene.k, scene.v);
      const auto out = cache->Attend(batch, scene.q);
      for (int32_t row = 0; row < scene.Rows(); row++) {
        for (int64_t i = 0; i < scene.shape.Q(); i++) {
          const auto values = Seen(scene, *cache, row, i / 24 / 3, scene.prefix_v, scene.v);
          const auto count = static_cast<int64_t>(values.size()) / 24;
          float sum = 0;
          for (int64_t j = 0; j < count; j++) sum += values[static_cast<size_t>(j * 24 + i % 24)];
          CHECK_EQ(out[static_cast<size_t>(row * scene.shape.Q() + i)],
                   sum / static_cast<float>(count));
        }
      }
    }
  }
}

// A NaN in a key that a row sees must not be hidden; scores far apart must not overflow.
TEST(attention_at_the_ends) {
  const Device device;
  for (int32_t dtype : kCacheFormats) {
    CHECK_CONTEXT("dtype %d", dtype);
    Scene scene({1, 1, 16}, dtype, 100, {-1, 0, 0}, 61);
    for (size_t i = 0; i < scene.prefix_k.size(); i++) {
      scene.prefix_k[i] = i / 16 == 70 ? 1e4f : -1e4f;
    }
    for (float& x : scene.q) x = 10.0f;
    scene.k.assign(scene.k.size(), 0.0f);
    scene.k[16] = NAN;  // row 1 only
    const auto cache = scene.Start(device);
    const DeviceBatch batch(device, {scene.Sequence()});
    cache->Append(batch, scene.k, scene.v);
    const auto out = cache->Attend(batch, scene.q);
    for (size_t i = 0; i < 16; i++) {
      CHECK_EQ(out[i], cache->Stored(scene.prefix_v[70 * 16 + i]));
      CHECK(std::isnan(out[16 + i]));
      CHECK_EQ(out[32 + i], cache->Stored(scene.prefix_v[70 * 16 + i]));
    }
  }
}
