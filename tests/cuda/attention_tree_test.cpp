// Identity: a row of a tree has the bits of its path decoded one token at a time, among any rows
// and sequences, and in a graph.
#include "attention_scene.h"

using namespace jangle;
using namespace jangle::test;

namespace {

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
  const std::pair<int64_t, int64_t> shapes[] = {{2, 32}, {6, 64}, {2, 128}, {4, 256}};
  for (const auto& [heads, dim] : shapes) {
    Random random(21);
    const Scene scene({heads, 2, dim}, JG_F16, 130, RandomParents(random, 80), 22);
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

// Rows of padding change no other row, and nothing of them reaches the cache: the slots behind the
// last row, which they would be given, and the page behind it stay NaN.
TEST(attention_of_a_padded_batch_has_the_same_bits_and_writes_no_more) {
  const Device device;
  const AttentionShape shape = {4, 2, 64};
  for (int32_t dtype : kCacheFormats) {
    for (int32_t rows : {1, 3, 6, 11, 16}) {
      CHECK_CONTEXT("dtype %d, %d rows", dtype, rows);
      Random random(static_cast<uint64_t>(rows));
      TestSequence sequence = {125, RandomParents(random, rows), {2, 0, 3}};
      sequence.parents[0] = -1;
      const auto past = random.Normals(static_cast<size_t>(125 * shape.Kv()));
      auto k = random.Normals(static_cast<size_t>(16 * shape.Kv()));
      const auto q = random.Normals(static_cast<size_t>(16 * shape.Q()));
      const auto start = [&](DeviceCache& cache) {
        cache.Append(DeviceBatch(device, {{0, ChainParents(125), {2, 0}}}), past, past);
      };
      DeviceCache plain(device, shape, dtype, 5);
      start(plain);
      const DeviceBatch exact(device, {sequence});
      plain.Append(exact, Slice(k, 0, rows, shape.Kv()), Slice(k, 0, rows, shape.Kv()));
      DeviceCache padded(device, shape, dtype, 5);
      start(padded);
      DeviceBatch batch(device, 16, 1, 3);
      batch.Set({sequence}, 16);
      padded.Append(batch, k, k);
      CHECK(padded.bytes().Download() == plain.bytes().Download());
      CheckSameBits(Slice(padded.Attend(batch, q), 0, rows, shape.Q()),
                    plain.Attend(exact, Slice(q, 0, rows, shape.Q())));
    }
  }
}

// Rows of padding begin where row 0 does: with more than a tree's rows before them, they would have
// more keys of their own than attention has room for.
TEST(attention_takes_as_many_rows_of_padding_as_a_tree_has_and_no_more) {
  const Device device;
  const AttentionShape shape = {4, 2, 64};
  for (int32_t dtype : kCacheFormats) {
    CHECK_CONTEXT("dtype %d", dtype);
    Random random(1);
    const int32_t rows = 100;
    const TestSequence sequence = {62, ChainParents(rows), {2, 0, 3}};
    const auto past = random.Normals(static_cast<size_t>(62 * shape.Kv()));
    const auto k = random.Normals(static_cast<size_t>(128 * shape.Kv()));
    const auto q = random.Normals(static_cast<size_t>(128 * shape.Q()));
    DeviceCache cache(device, shape, dtype, 5);
    cache.Append(DeviceBatch(device, {{0, ChainParents(62), {2}}}), past, past);
    const DeviceBatch exact(device, {sequence});
    cache.Append(exact, Slice(k, 0, rows, shape.Kv()), Slice(k, 0, rows, shape.Kv()));
    DeviceBatch batch(device, 256, 1, 3);
    batch.Set({sequence}, 128);
    CheckSameBits(Slice(cache.Attend(batch, q), 0, rows, shape.Q()),
                  cache.Attend(exact, Slice(q, 0, rows, shape.Q())));
    const std::vector<int32_t> zeros(200);
    const auto parents = ChainParents(200);
    const int32_t pages[3] = {0, 1, 2};
    CHECK_EQ(jg_batch_set_padded(device.stream(), batch.batch(), rows, 129, zeros.data(),
                                 zeros.data(), parents.data(), 1, zeros.data(), pages),
             JG_INVALID_ARGUMENT);
    CHECK(LastError().find("more than 128 rows cannot be padded") != std::string::npos);
    CHECK_EQ(jg_batch_set_padded(device.stream(), batch.batch(), 140, 144, zeros.data(),
                                 zeros.data(), parents.data(), 1, zeros.data(), pages),
             JG_INVALID_ARGUMENT);
    CHECK_OK(jg_batch_set_padded(device.stream(), batch.batch(), 140, 140, zeros.data(),
                                 zeros.data(), parents.data(), 1, zeros.data(), pages));
  }
}
