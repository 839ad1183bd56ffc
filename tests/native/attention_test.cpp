#include <memory>

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

struct Shape {
  int64_t heads, kv_heads, dim;
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(dim)); }
};

// Guarded memory, all NaN to begin with: pages of a cache of either dtype.
class TestCache {
 public:
  TestCache(const Shape& shape, int32_t dtype, int32_t page_count)
      : shape_(shape),
        dtype_(dtype),
        bytes_(std::make_unique<GuardedBuffer<unsigned char>>(
            static_cast<size_t>(page_count * 2 * shape.kv_heads * kPage * shape.dim) *
            (dtype == JG_F16 ? 2 : 4))) {}

  // Writes rows of k and v ([rows][kv_heads * dim]) to the view's slots.
  void Append(const Kernels& kernels, const BatchView& view, const float* k, const float* v) {
    const int64_t n = shape_.kv_heads * shape_.dim;
    kernels.kv_append({&view, dtype_, shape_.kv_heads, shape_.dim, k, n, v, n, bytes_->data()}, 0,
                      view.rows);
  }
  std::vector<float> Attend(const Kernels& kernels, const BatchView& view, const float* q,
                            Random* cuts = nullptr) const {
    const int64_t n = shape_.heads * shape_.dim;
    const int64_t pad = 3;
    // Rows lie apart; what is between them, before and behind is never touched.
    GuardedBuffer<float> in(static_cast<size_t>(view.rows * (n + pad) - pad));
    GuardedBuffer<float> out(in.size());
    for (int64_t i = 0; i < view.rows; i++)
      std::copy(q + i * n, q + i * n + n, &in[0] + i * (n + pad));
    const AttentionArgs args = {&view,      dtype_,         shape_.heads,   shape_.kv_heads,
                                shape_.dim, shape_.scale(), bytes_->data(), in.data(),
                                n + pad,    out.data(),     n + pad,        nullptr};
    const int64_t items = view.rows * shape_.kv_heads;
    for (int64_t i = 0; i < items;) {
      const int64_t next = cuts == nullptr ? items : std::min(items, i + 1 + cuts->Below(9));
      kernels.attention(args, i, next);
      i = next;
    }
    CHECK(out.SlackIntact());
    std::vector<float> rows;
    for (int64_t i = 0; i < view.rows; i++) {
      const float* row = out.data() + i * (n + pad);
      rows.insert(rows.end(), row, row + n);
      for (int64_t j = 0; j < pad && i + 1 < view.rows; j++) CHECK(std::isnan(row[n + j]));
    }
    return rows;
  }
  // What is stored of a float.
  float Stored(float x) const { return dtype_ == JG_F16 ? HalfToFloat(FloatToHalf(x)) : x; }

 private:
  Shape shape_;
  int32_t dtype_;
  std::unique_ptr<GuardedBuffer<unsigned char>> bytes_;
};

void CheckSameBits(const float* a, const float* b, int64_t n) {
  for (int64_t i = 0; i < n; i++) CHECK_BITS(a[i], b[i]);
}

// A committed prefix, a tree below it, and the data of all of it.
struct Scene {
  Shape shape;
  int32_t dtype, committed;
  std::vector<int32_t> parents;
  Random random;
  std::vector<int32_t> pages;
  std::vector<float> prefix_k, prefix_v, k, v, q, nans;

  Scene(const Shape& s, int32_t type, int32_t count, std::vector<int32_t> tree, uint64_t seed)
      : shape(s), dtype(type), committed(count), parents(std::move(tree)), random(seed) {
    const auto kv = static_cast<size_t>(s.kv_heads * s.dim);
    const size_t rows = parents.size();
    pages = ShuffledPages(random, committed + static_cast<int32_t>(rows), 0, PageCount());
    prefix_k = random.Normals(kv * static_cast<size_t>(committed));
    prefix_v = random.Normals(kv * static_cast<size_t>(committed));
    k = random.Normals(kv * rows);
    v = random.Normals(kv * rows);
    q = random.Normals(static_cast<size_t>(s.heads * s.dim) * rows);
    nans.assign(kv, NAN);
  }
  int32_t PageCount() const {
    return (committed + static_cast<int32_t>(parents.size())) / kPage + 2;
  }
  int64_t Kv() const { return shape.kv_heads * shape.dim; }
  int64_t Q() const { return shape.heads * shape.dim; }

  // A cache with the prefix in it.
  TestCache Start(const Kernels& kernels) const {
    TestCache cache(shape, dtype, PageCount());
    if (committed > 0) {
      const TestBatch prefix({{0, ChainParents(committed), pages}}, true);
      cache.Append(kernels, prefix.view(), prefix_k.data(), prefix_v.data());
    }
    return cache;
  }
  std::vector<int32_t> Path(int32_t row) const {
    std::vector<int32_t> path;
    for (; row >= 0; row = parents[static_cast<size_t>(row)]) path.insert(path.begin(), row);
    return path;
  }
  // What the row gets when its path is decoded one token at a time, every other slot being NaN.
  std::vector<float> Sequential(const Kernels& kernels, TestCache& cache, int32_t row) const {
    const std::vector<int32_t> path = Path(row);
    const auto length = static_cast<int32_t>(path.size());
    const auto rows = static_cast<int32_t>(parents.size());
    const TestBatch chain({{committed, ChainParents(rows), pages}}, true);
    for (int32_t i = 0; i < rows; i++) {
      const BatchView one = chain.Rows(i, 1);
      const int64_t at = i < length ? path[static_cast<size_t>(i)] * Kv() : 0;
      cache.Append(kernels, one, i < length ? k.data() + at : nans.data(),
                   i < length ? v.data() + at : nans.data());
    }
    return cache.Attend(kernels, chain.Rows(length - 1, 1), q.data() + row * Q());
  }
};

void CheckTree(const Tier& tier, Scene scene) {
  CHECK_CONTEXT("tier %s, heads %d/%d, head_dim %d, dtype %d, committed %d, rows %zu", tier.name,
                static_cast<int>(scene.shape.heads), static_cast<int>(scene.shape.kv_heads),
                static_cast<int>(scene.shape.dim), scene.dtype, scene.committed,
                scene.parents.size());
  const Kernels& kernels = *tier.kernels;
  const TestBatch batch({{scene.committed, scene.parents, scene.pages}}, true);
  const TestBatch short_linear({{scene.committed, scene.parents, scene.pages}}, false);
  TestCache cache = scene.Start(kernels);
  TestCache second = scene.Start(kernels);
  cache.Append(kernels, batch.view(), scene.k.data(), scene.v.data());
  const auto together = cache.Attend(kernels, batch.view(), scene.q.data());
  const auto cut = cache.Attend(kernels, short_linear.view(), scene.q.data(), &scene.random);
  CheckSameBits(cut.data(), together.data(), static_cast<int64_t>(cut.size()));
  const auto rows = static_cast<int32_t>(scene.parents.size());
  for (int32_t row = 0; row < rows; row++) {
    CHECK_CONTEXT("row %d", row);
    const float* out = together.data() + row * scene.Q();
    const auto sequential = scene.Sequential(kernels, second, row);
    CheckSameBits(sequential.data(), out, scene.Q());
    // Alone, with the slots of all rows that it may not see poisoned.
    const std::vector<int32_t> path = scene.Path(row);
    for (int32_t i = 0; i < rows; i++) {
      const bool seen = std::find(path.begin(), path.end(), i) != path.end();
      const BatchView one = batch.Rows(i, 1);
      cache.Append(kernels, one, seen ? scene.k.data() + i * scene.Kv() : scene.nans.data(),
                   seen ? scene.v.data() + i * scene.Kv() : scene.nans.data());
    }
    const auto alone = cache.Attend(kernels, batch.Rows(row, 1), scene.q.data() + row * scene.Q());
    CheckSameBits(alone.data(), out, scene.Q());
  }
}

}  // namespace

TEST(attention_of_a_tree_equals_sequential_decoding) {
  for (const Tier& tier : Tiers()) {
    for (int32_t dtype : {JG_F32, JG_F16}) {
      uint64_t seed = 1;
      for (int32_t committed : {0, 1, 30, 63, 64, 65, 127, 500}) {
        for (const Shape& shape : {Shape{3, 1, 64}, Shape{4, 2, 16}}) {
          Random random(seed++);
          CheckTree(tier, Scene(shape, dtype, committed, RandomParents(random, 40), seed));
        }
      }
    }
  }
}

TEST(attention_of_a_tree_equals_sequential_decoding_in_every_shape) {
  for (const Tier& tier : Tiers()) {
    for (int32_t dtype : {JG_F32, JG_F16}) {
      uint64_t seed = 100;
      for (int64_t dim : {2, 16, 18, 64, 80, 128, 250, 256}) {
        for (int64_t group : {1, 2, 3, 4, 7, 8, 25}) {
          if (group > 4 && dim > 64 && dim != 128) continue;
          Random random(seed++);
          CheckTree(tier, Scene({2 * group, 2, dim}, dtype, 61, RandomParents(random, 9), seed));
        }
      }
    }
  }
}

// Deep and wide, with more rows than one block of queries holds.
TEST(attention_of_128_rows_equals_sequential_decoding) {
  for (const Tier& tier : Tiers()) {
    Random random(11);
    CheckTree(tier, Scene({2, 2, 16}, JG_F32, 70, RandomParents(random, 128), 12));
    CheckTree(tier, Scene({3, 1, 16}, JG_F16, 100, ChainParents(128), 13));
  }
}

TEST(attention_row_has_the_same_bits_among_any_number) {
  for (const Tier& tier : Tiers()) {
    Random random(21);
    const Scene scene({6, 2, 16}, JG_F32, 70, RandomParents(random, 128), 22);
    const TestBatch batch({{scene.committed, scene.parents, scene.pages}}, true);
    TestCache cache = scene.Start(*tier.kernels);
    cache.Append(*tier.kernels, batch.view(), scene.k.data(), scene.v.data());
    std::vector<float> alone;
    for (int32_t i = 0; i < 128; i++) {
      const auto row =
          cache.Attend(*tier.kernels, batch.Rows(i, 1), scene.q.data() + i * scene.Q());
      alone.insert(alone.end(), row.begin(), row.end());
    }
    for (int32_t m = 1; m <= 128; m++) {
      CHECK_CONTEXT("tier %s, %d rows", tier.name, m);
      const auto out = cache.Attend(*tier.kernels, batch.Rows(0, m), scene.q.data(), &random);
      CheckSameBits(out.data(), alone.data(), static_cast<int64_t>(out.size()));
    }
  }
}

TEST(attention_of_several_sequences_keeps_them_apart) {
  for (const Tier& tier : Tiers()) {
    const Shape shape = {4, 2, 32};
    Random random(31);
    std::vector<TestSequence> sequences = {{70, RandomParents(random, 12), {5, 2}},
                                           {0, RandomParents(random, 3), {4}},
                                           {130, RandomParents(random, 20), {1, 0, 3}}};
    TestCache cache(shape, JG_F32, 6);
    std::vector<float> q, alone;
    const auto kv = static_cast<size_t>(shape.kv_heads * shape.dim);
    std::vector<float> k, v;
    for (const TestSequence& s : sequences) {
      const auto n = static_cast<size_t>(s.committed);
      if (s.committed > 0) {
        const TestBatch prefix({{0, ChainParents(s.committed), s.pages}}, true);
        cache.Append(*tier.kernels, prefix.view(), random.Normals(n * kv).data(),
                     random.Normals(n * kv).data());
      }
      const size_t rows = s.parents.size();
      const auto own_q = random.Normals(rows * static_cast<size_t>(shape.heads * shape.dim));
      const auto own_k = random.Normals(rows * kv);
      const auto own_v = random.Normals(rows * kv);
      const TestBatch batch({s}, true);
      cache.Append(*tier.kernels, batch.view(), own_k.data(), own_v.data());
      const auto out = cache.Attend(*tier.kernels, batch.view(), own_q.data());
      alone.insert(alone.end(), out.begin(), out.end());
      q.insert(q.end(), own_q.begin(), own_q.end());
      k.insert(k.end(), own_k.begin(), own_k.end());
      v.insert(v.end(), own_v.begin(), own_v.end());
    }
    const TestBatch batch(sequences, true);
    cache.Append(*tier.kernels, batch.view(), k.data(), v.data());
    const auto out = cache.Attend(*tier.kernels, batch.view(), q.data(), &random);
    CheckSameBits(out.data(), alone.data(), static_cast<int64_t>(out.size()));
  }
}

TEST(attention_matches_double) {
  for (const Tier& tier : Tiers()) {
    for (int32_t dtype : {JG_F32, JG_F16}) {
      for (int64_t dim : {16, 64, 80, 128}) {
        for (int32_t committed : {0, 5, 64, 700}) {
          CHECK_CONTEXT("tier %s, dtype %d, head_dim %d, committed %d", tier.name, dtype,
                        static_cast<int>(dim), committed);
          Scene scene({4, 2, dim}, dtype, committed, {-1, 0, 0, 1, -1}, 41);
          for (float& x : scene.q) x *= 2;  // far from uniform weights
          const TestBatch batch({{committed, scene.parents, scene.pages}}, true);
          TestCache cache = scene.Start(*tier.kernels);
          cache.Append(*tier.kernels, batch.view(), scene.k.data(), scene.v.data());
          const auto out = cache.Attend(*tier.kernels, batch.view(), scene.q.data());
          for (int32_t row = 0; row < 5; row++) {
            for (int64_t head = 0; head < 4; head++) {
              std::vector<float> keys, values;
              const auto add = [&](const std::vector<float>& from, std::vector<float>* to,
                                   int64_t i) {
                for (int64_t d = 0; d < dim; d++) {
                  const auto at = static_cast<size_t>(i * scene.Kv() + head / 2 * dim + d);
                  to->push_back(cache.Stored(from[at]));
                }
              };
              for (int32_t i = 0; i < committed; i++) {
                add(scene.prefix_k, &keys, i);
                add(scene.prefix_v, &values, i);
              }
              for (int32_t i : scene.Path(row)) {
                add(scene.k, &keys, i);
                add(scene.v, &values, i);
              }
              const int64_t at = row * scene.Q() + head * dim;
              const auto count = static_cast<int64_t>(keys.size()) / dim;
              const auto exact = AttentionReference<double>(
                  scene.q.data() + at, keys.data(), values.data(), count, dim, scene.shape.scale());
              const auto naive = AttentionReference<float>(
                  scene.q.data() + at, keys.data(), values.data(), count, dim, scene.shape.scale());
              CHECK_NEAR(LargestDifference(out.data() + at, exact.data(), dim), 0,
                         ErrorBound(naive, exact));
            }
          }
        }
      }
    }
  }
}

// q = 0 gives every key the weight 1: the mean of integers, one rounding from the exact sums.
TEST(attention_averages_integers_exactly) {
  for (const Tier& tier : Tiers()) {
    for (int32_t dtype : {JG_F32, JG_F16}) {
      for (int32_t committed : {0, 1, 62, 63, 64, 200}) {
        CHECK_CONTEXT("tier %s, dtype %d, committed %d", tier.name, dtype, committed);
        Random random(51);
        Scene scene({6, 2, 24}, dtype, committed, RandomParents(random, 30), 52);
        scene.prefix_v = random.Integers(scene.prefix_v.size(), 1000);
        scene.v = random.Integers(scene.v.size(), 1000);
        scene.q.assign(scene.q.size(), 0.0f);
        const TestBatch batch({{committed, scene.parents, scene.pages}}, true);
        TestCache cache = scene.Start(*tier.kernels);
        cache.Append(*tier.kernels, batch.view(), scene.k.data(), scene.v.data());
        const auto out = cache.Attend(*tier.kernels, batch.view(), scene.q.data());
        for (int32_t row = 0; row < 30; row++) {
          const std::vector<int32_t> path = scene.Path(row);
          const auto count = static_cast<float>(committed + static_cast<int32_t>(path.size()));
          for (int64_t i = 0; i < scene.Q(); i++) {
            const int64_t column = i / 24 / 3 * 24 + i % 24;
            float sum = 0;
            for (int32_t j = 0; j < committed; j++) {
              sum += scene.prefix_v[static_cast<size_t>(j * scene.Kv() + column)];
            }
            for (int32_t j : path) sum += scene.v[static_cast<size_t>(j * scene.Kv() + column)];
            CHECK_EQ(out[static_cast<size_t>(row * scene.Q() + i)], sum / count);
          }
        }
      }
    }
  }
}

// A NaN in a key that a row sees must not be hidden; scores far apart must not overflow.
TEST(attention_at_the_ends) {
  for (const Tier& tier : Tiers()) {
    CHECK_CONTEXT("tier %s", tier.name);
    Scene scene({1, 1, 16}, JG_F32, 100, {-1, 0, 0}, 61);
    for (size_t i = 0; i < scene.prefix_k.size(); i++) {
      scene.prefix_k[i] = i / 16 == 70 ? 1e4f : -1e4f;
    }
    for (float& x : scene.q) x = 10.0f;
    scene.k.assign(scene.k.size(), 0.0f);
    scene.k[16] = NAN;  // row 1 only
    const TestBatch batch({{100, scene.parents, scene.pages}}, true);
    TestCache cache = scene.Start(*tier.kernels);
    cache.Append(*tier.kernels, batch.view(), scene.k.data(), scene.v.data());
    const auto out = cache.Attend(*tier.kernels, batch.view(), scene.q.data());
    for (size_t i = 0; i < 16; i++) {
      CHECK_EQ(out[i], scene.prefix_v[70 * 16 + i]);
      CHECK(std::isnan(out[16 + i]));
      CHECK_EQ(out[32 + i], scene.prefix_v[70 * 16 + i]);
    }
  }
}
