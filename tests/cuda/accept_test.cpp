// What the walk leaves in the caches must be what the host's own walk, followed by jg_kv_gather,
// leaves: slots of rows that are not accepted, other pages and layers stay as they are.
#include <functional>

#include "cache_on_device.h"

using namespace jangle;
using namespace jangle::test;

namespace {

constexpr int64_t kLayers = 3;
constexpr int32_t kPages = 7;

// A sequence's tree, and the tokens that stand in its rows.
struct Tree {
  TestSequence rows;
  std::vector<int32_t> tokens;
};

// A sequence of a random tree whose tokens are few, so that siblings are often equal.
Tree RandomTree(Random& random, int32_t committed, int32_t rows, std::vector<int32_t> pages) {
  Tree tree = {{committed, RandomParents(random, rows), std::move(pages)}, {}};
  tree.rows.parents[0] = -1;
  for (int32_t i = 0; i < rows; i++) tree.tokens.push_back(static_cast<int32_t>(random.Below(3)));
  return tree;
}

Tree Chain(int32_t committed, int32_t rows, std::vector<int32_t> pages) {
  return {{committed, ChainParents(rows), std::move(pages)},
          std::vector<int32_t>(static_cast<size_t>(rows), 1)};
}

// The batch of these trees, padded to a number of rows.
class TreeBatch {
 public:
  TreeBatch(const Device& device, const std::vector<Tree>& trees, int32_t padded_rows)
      : device_(device) {
    CHECK_OK(jg_batch_create(device.context(), padded_rows, static_cast<int32_t>(trees.size()), 4,
                             &batch_));
    Set(trees, padded_rows);
  }
  ~TreeBatch() { jg_batch_destroy(batch_); }
  TreeBatch(const TreeBatch&) = delete;
  TreeBatch& operator=(const TreeBatch&) = delete;

  void Set(const std::vector<Tree>& trees, int32_t padded_rows) const {
    std::vector<int32_t> tokens, ids, parents, committed, pages;
    for (const Tree& tree : trees) {
      const auto first = static_cast<int32_t>(parents.size());
      for (int32_t parent : tree.rows.parents) {
        ids.push_back(static_cast<int32_t>(committed.size()));
        parents.push_back(parent < 0 ? -1 : first + parent);
      }
      tokens.insert(tokens.end(), tree.tokens.begin(), tree.tokens.end());
      committed.push_back(tree.rows.committed);
      pages.insert(pages.end(), tree.rows.pages.begin(), tree.rows.pages.end());
      pages.resize(committed.size() * 4, -1);
    }
    CHECK_OK(jg_batch_set_padded(device_.stream(), batch_, static_cast<int32_t>(parents.size()),
                                 padded_rows, tokens.data(), ids.data(), parents.data(),
                                 static_cast<int32_t>(committed.size()), committed.data(),
                                 pages.data()));
  }
  jg_batch* get() const { return batch_; }

 private:
  const Device& device_;
  jg_batch* batch_ = nullptr;
};

// The rows of one tree that its choices lead to.
std::vector<int32_t> Walk(const Tree& tree, const std::vector<int32_t>& choices) {
  std::vector<int32_t> path = {0};
  for (size_t child = 0; child < tree.tokens.size(); child++) {
    const int32_t last = path.back();
    if (tree.rows.parents[child] == last &&
        tree.tokens[child] == choices[static_cast<size_t>(last)]) {
      path.push_back(static_cast<int32_t>(child));
    }
  }
  return path;
}

// Layers whose elements all differ, and what is left of them.
template <typename T>
class Layers {
 public:
  Layers(const Device& device, int32_t dtype, int64_t kv_heads, int64_t dim)
      : device_(device),
        dtype_(dtype),
        kv_heads_(kv_heads),
        dim_(dim),
        layer_bytes_((kPages * 2 * kv_heads * kPage * dim + 8) * static_cast<int64_t>(sizeof(T))),
        memory_(device, Numbers()) {}

  int32_t Accept(const TreeBatch& batch, const DeviceArray<int32_t>& ids, int64_t ldids) const {
    return jg_accept(device_.stream(), batch.get(), ids.data(), ldids, dtype_, kv_heads_, dim_,
                     kLayers, layer_bytes_, memory_.data());
  }
  void Gather(const Tree& tree, const std::vector<int32_t>& path) const {
    std::vector<int32_t> from, to;
    for (int32_t row : path) {
      to.push_back(tree.rows.committed + static_cast<int32_t>(from.size()));
      from.push_back(tree.rows.committed + row);
    }
    CHECK_OK(jg_kv_gather(device_.stream(), dtype_, kv_heads_, dim_, kLayers, layer_bytes_,
                          tree.rows.pages.data(), std::ssize(tree.rows.pages), std::ssize(from),
                          from.data(), to.data(), memory_.data()));
  }
  std::vector<T> Read() const { return memory_.Download(); }
  void Reset() { memory_.Upload(Numbers()); }

 private:
  std::vector<T> Numbers() const {
    std::vector<T> numbers(
        static_cast<size_t>(kLayers * layer_bytes_ / static_cast<int64_t>(sizeof(T))));
    for (size_t i = 0; i < numbers.size(); i++) numbers[i] = static_cast<T>(i % 60013);
    return numbers;
  }

  const Device& device_;
  int32_t dtype_;
  int64_t kv_heads_, dim_, layer_bytes_;
  DeviceArray<T> memory_;
};

// A row's choice is mostly the token of one of its children.
std::vector<int32_t> RandomChoices(Random& random, const std::vector<Tree>& trees) {
  std::vector<int32_t> choices;
  for (const Tree& tree : trees) {
    const size_t first = choices.size();
    for (size_t i = 0; i < tree.tokens.size(); i++) {
      choices.push_back(static_cast<int32_t>(random.Below(3)));
      const int32_t parent = tree.rows.parents[i];
      if (parent >= 0 && random.Below(4) > 0) {
        choices[first + static_cast<size_t>(parent)] = tree.tokens[i];
      }
    }
  }
  return choices;
}

template <typename T>
void CheckAccept(const Device& device, int32_t dtype, int64_t kv_heads, int64_t dim,
                 const std::vector<Tree>& trees, const std::vector<int32_t>& choices, int64_t ldids,
                 int32_t padding) {
  CHECK_CONTEXT("dtype %d, %lld heads of %lld, %zu trees of %zu rows, %d of padding", dtype,
                static_cast<long long>(kv_heads), static_cast<long long>(dim), trees.size(),
                choices.size(), padding);
  const auto rows = static_cast<int32_t>(choices.size());
  const TreeBatch batch(device, trees, rows + padding);
  // Choices of padding rows would lead on, if they were looked at.
  std::vector<int32_t> ids(static_cast<size_t>((rows + padding) * ldids), 1);
  for (size_t i = 0; i < choices.size(); i++) ids[i * static_cast<size_t>(ldids)] = choices[i];
  const Layers<T> accepted(device, dtype, kv_heads, dim);
  CHECK_OK(accepted.Accept(batch, DeviceArray<int32_t>(device, ids), ldids));
  const Layers<T> gathered(device, dtype, kv_heads, dim);
  auto from = choices.begin();
  for (const Tree& tree : trees) {
    const auto to = from + std::ssize(tree.tokens);
    gathered.Gather(tree, Walk(tree, {from, to}));
    from = to;
  }
  const auto got = accepted.Read();
  const auto want = gathered.Read();
  for (size_t i = 0; i < want.size(); i++) CHECK_EQ(got[i], want[i]);
}

}  // namespace

TEST(accept_moves_the_rows_that_the_choices_lead_to) {
  const Device device;
  Random random(3);
  int32_t longest = 0;
  for (int32_t rows : {1, 2, 5, 31, 33, 64, 65, 127, 128}) {
    const std::vector<Tree> one = {RandomTree(random, 60 + rows / 3, rows, {4, 0, 3, 2})};
    const auto choices = RandomChoices(random, one);
    longest = std::max(longest, static_cast<int32_t>(Walk(one[0], choices).size()));
    CheckAccept<uint16_t>(device, JG_F16, 2, 16, one, choices, 1, 0);
    CheckAccept<float>(device, JG_F32, 1, 3, one, choices, 3, std::min(rows % 7, 128 - rows));
    CheckAccept<uint16_t>(device, JG_F16, 3, 5, one, choices, 2, std::min(rows % 5, 128 - rows));
  }
  CHECK(longest >= 6);
}

// A chain that is accepted whole moves nothing; one below siblings that are not moves all.
TEST(accept_of_chains) {
  const Device device;
  for (int32_t rows : {1, 64, 128}) {
    const std::vector<Tree> chain = {Chain(100, rows, {1, 6, 0, 2})};
    const std::vector<int32_t> all(static_cast<size_t>(rows), 1);
    CheckAccept<uint16_t>(device, JG_F16, 2, 16, chain, all, 1, std::min(3, 128 - rows));
    const Layers<uint16_t> layers(device, JG_F16, 2, 16);
    const auto before = layers.Read();
    const TreeBatch batch(device, chain, rows);
    CHECK_OK(layers.Accept(batch, DeviceArray<int32_t>(device, all), 1));
    CHECK(layers.Read() == before);
  }
  Tree late = Chain(37, 128, {1, 6, 0, 2});
  for (size_t i = 1; i < 128; i++) {
    if (i <= 40) late.rows.parents[i] = 0;
    if (i <= 40) late.tokens[i] = i == 40 ? 1 : 2;
  }
  CheckAccept<float>(device, JG_F32, 2, 8, {late}, std::vector<int32_t>(128, 1), 1, 0);
}

TEST(accept_walks_each_sequence_for_itself) {
  const Device device;
  Random random(5);
  for (int round = 0; round < 3; round++) {
    const std::vector<Tree> trees = {RandomTree(random, 3, 40, {0}), Chain(70, 1 + round, {1, 2}),
                                     RandomTree(random, 120, 70, {5, 3, 4, 6})};
    CheckAccept<uint16_t>(device, JG_F16, 1, 8, trees, RandomChoices(random, trees), 1, 5 * round);
  }
}

// Without a choice (a row of NaN logits) the walk ends.
TEST(accept_stops_where_nothing_is_chosen) {
  const Device device;
  const std::vector<Tree> trees = {{{10, {-1, 0, 0, 2, 3}, {2}}, {7, 4, 5, 6, 8}}};
  for (size_t end : {0u, 2u, 3u}) {
    std::vector<int32_t> choices = {5, 1, 6, 8, 0};
    choices[end] = -1;
    CHECK_EQ(Walk(trees[0], choices).size(), end == 0 ? 1 : end);
    CheckAccept<uint16_t>(device, JG_F16, 1, 8, trees, choices, 1, 0);
  }
}

// One recording serves every smaller tree: the walk follows the batch and the choices of its
// launch.
TEST(accept_of_a_recording_takes_the_trees_of_its_launch) {
  const Device device;
  Random random(9);
  constexpr int32_t kRows = 64;
  const TreeBatch batch(device, {RandomTree(random, 9, kRows, {0, 1})}, kRows);
  Layers<uint16_t> launched(device, JG_F16, 2, 8);
  DeviceArray<int32_t> ids(device, kRows);
  jg_graph* graph = nullptr;
  CHECK_OK(jg_graph_begin(device.stream()));
  CHECK_OK(launched.Accept(batch, ids, 1));
  CHECK_OK(jg_graph_end(device.stream(), &graph));
  for (int32_t rows : {1, 7, 40, 64}) {
    CHECK_CONTEXT("%d rows", rows);
    const Tree tree = RandomTree(random, 100 - rows, rows, {3, 5, 1});
    auto choices = RandomChoices(random, {tree});
    const Layers<uint16_t> gathered(device, JG_F16, 2, 8);
    gathered.Gather(tree, Walk(tree, choices));
    choices.resize(kRows, 1);
    ids.Upload(choices);
    launched.Reset();
    batch.Set({tree}, kRows);
    CHECK_OK(jg_graph_launch(device.stream(), graph));
    CHECK(launched.Read() == gathered.Read());
  }
  CHECK_OK(jg_graph_destroy(graph));
}

TEST(accept_refuses_what_is_no_tree) {
  const Device device;
  const DeviceArray<int32_t> ids(device, 200);
  const Layers<uint16_t> layers(device, JG_F16, 1, 8);
  const TreeBatch chain(device, {Chain(0, 129, {0, 1, 2})}, 129);
  CHECK_EQ(layers.Accept(chain, ids, 1), JG_INVALID_ARGUMENT);
  CHECK(LastError().find("sequence 0 has more than 128 rows") != std::string::npos);
  const TreeBatch most(device, {Chain(0, 128, {0, 1, 2})}, 128);
  CHECK_OK(layers.Accept(most, ids, 1));
  CHECK_EQ(layers.Accept(most, ids, 0), JG_INVALID_ARGUMENT);
  const int64_t layer = kPages * 2 * kPage * 8 * 2;
  const DeviceArray<uint8_t> pages(device, layer);
  CHECK_EQ(
      jg_accept(device.stream(), most.get(), ids.data(), 1, JG_BF16, 1, 8, 1, layer, pages.data()),
      JG_INVALID_ARGUMENT);
  CHECK_EQ(jg_accept(device.stream(), most.get(), nullptr, 1, JG_F16, 1, 8, 1, layer, pages.data()),
           JG_INVALID_ARGUMENT);
}
