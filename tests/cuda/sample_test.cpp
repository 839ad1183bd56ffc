#include <functional>

#include "device.h"
#include "random.h"
#include "sample_reference.h"

using namespace jangle;
using namespace jangle::test;

namespace {

// A batch whose rows stand at the given positions, each a sequence of its own.
class RowsAt {
 public:
  RowsAt(const Device& device, const std::vector<int32_t>& positions)
      : rows_(static_cast<int32_t>(positions.size())) {
    const int32_t rows = rows_;
    const int32_t most = *std::max_element(positions.begin(), positions.end());
    const int32_t pages = most / JG_PAGE + 1;
    std::vector<int32_t> sequences, page_table;
    for (int32_t i = 0; i < rows; i++) sequences.push_back(i);
    for (int32_t i = 0; i < rows * pages; i++) page_table.push_back(i);
    const std::vector<int32_t> tokens(positions.size(), 0);
    const std::vector<int32_t> parents(positions.size(), -1);
    set_ = [=, &device, this] {
      CHECK_OK(jg_batch_set(device.stream(), batch_, rows, tokens.data(), sequences.data(),
                            parents.data(), rows, positions.data(), page_table.data()));
    };
    CHECK_OK(jg_batch_create(device.context(), rows, rows, pages, &batch_));
    set_();
  }
  ~RowsAt() { jg_batch_destroy(batch_); }
  RowsAt(const RowsAt&) = delete;
  RowsAt& operator=(const RowsAt&) = delete;
  jg_batch* batch() const { return batch_; }
  int32_t rows() const { return rows_; }
  // A sampling for each sequence, and the same rows again.
  void Sample(const std::vector<Filters>& filters, uint64_t seed) const {
    for (int32_t i = 0; i < rows_; i++) {
      const Filters& f = filters[static_cast<size_t>(i) % filters.size()];
      CHECK_OK(jg_batch_sampling(batch_, i, f.temperature, f.top_k, f.top_p, f.min_p, seed));
    }
    set_();
  }

 private:
  int32_t rows_;
  std::function<void()> set_;
  jg_batch* batch_ = nullptr;
};

// Draws from rows [first_row, first_row + rows) of the batch; their logits lie ld apart, or are the
// same for all where ld is n and one row is given.
std::vector<int32_t> DrawRows(const Device& device, const RowsAt& at, int64_t first_row,
                              int64_t rows, int64_t n, const std::vector<float>& logits, int64_t ld,
                              const Filters& f, uint64_t seed) {
  int64_t scratch_bytes = 0;
  CHECK_OK(jg_sample_scratch_bytes(device.context(), rows, n, &scratch_bytes));
  const DeviceArray<uint8_t> scratch(
      device, std::vector<uint8_t>(static_cast<size_t>(scratch_bytes), 0xff));
  const DeviceArray<float> logits_device(device, logits);
  const DeviceArray<int32_t> ids(device, std::vector<int32_t>(static_cast<size_t>(rows), -7));
  scratch.Forget();
  ids.Forget();
  at.Sample({f}, seed);
  CHECK_OK(jg_sample(device.stream(), at.batch(), first_row, rows, n, logits_device.data(), ld,
                     ids.data(), scratch.data(), scratch_bytes));
  return ids.Download();
}

// Draws one token per position from the same logits.
std::vector<int32_t> Draw(const Device& device, const std::vector<float>& logits,
                          const std::vector<int32_t>& positions, const Filters& f, uint64_t seed) {
  const RowsAt at(device, positions);
  std::vector<float> rows;
  for (size_t i = 0; i < positions.size(); i++) {
    rows.insert(rows.end(), logits.begin(), logits.end());
  }
  const auto n = static_cast<int64_t>(logits.size());
  return DrawRows(device, at, 0, static_cast<int64_t>(positions.size()), n, rows, n, f, seed);
}

// Draw on a device.
auto DrawOn(const Device& device) {
  return [&device](const std::vector<float>& logits, const std::vector<int32_t>& positions,
                   const Filters& f,
                   uint64_t seed) { return Draw(device, logits, positions, f, seed); };
}

void CheckAgainstReference(const Device& device, const std::vector<float>& logits, const Filters& f,
                           int32_t draws) {
  CheckDraws(logits, f, draws, DrawOn(device));
}

const std::vector<Filters> kFilters = {
    {.temperature = 1},
    {.temperature = 0.3f},
    {.top_k = 1},
    {.temperature = 2, .top_k = 65},
    {.temperature = 4, .top_k = 700},
    {.top_p = 0.3f},
    {.temperature = 5, .top_p = 0.93f},
    {.temperature = 2, .min_p = 0.3f},
    {.temperature = 2, .top_k = 20, .top_p = 0.8f},
    {.temperature = 3, .top_k = 600, .top_p = 0.7f, .min_p = 0.1f},
    {.top_k = 5, .top_p = 0.95f, .min_p = 0.02f},
};

}  // namespace

TEST(sample_matches_double) {
  const Device device;
  for (size_t n : {1u, 2u, 64u, 257u, 1000u, 2500u}) {
    Random random(n);
    const auto logits = random.Normals(n, 3.0f);
    for (const Filters& f : kFilters) CheckAgainstReference(device, logits, f, n < 100 ? 5 : 2);
  }
}

// Logits with many ties, also at the filters' edges; no sum of weights lies near a top_p.
TEST(sample_filters_take_the_lower_id_of_equals) {
  const Device device;
  for (size_t n : {10u, 299u, 2700u}) {
    Random random(n + 1);
    const auto logits = random.Integers(n, 3);
    for (const Filters& f : kFilters) CheckAgainstReference(device, logits, f, n < 100 ? 5 : 2);
    const std::vector<float> flat(n, 2.5f);
    for (const Filters& f : kFilters) CheckAgainstReference(device, flat, f, n < 100 ? 5 : 2);
  }
  // Four equal tokens, half of the weight: exactly two.
  const std::vector<float> four(4, 1.0f);
  for (int32_t id : Draw(device, four, Positions(60), {.top_p = 0.5f}, 1)) CHECK(id < 2);
  // -0 equals 0.
  const std::vector<float> zeros = {0.0f, -0.0f, 0.0f, -0.0f};
  for (int32_t id : Draw(device, zeros, Positions(60), {.top_k = 2}, 1)) CHECK(id < 2);
  for (int32_t id : Draw(device, zeros, Positions(60), {.top_p = 0.7f}, 1)) CHECK(id < 3);
}

// Drawn by the CPU library; in none of them is the runner-up near.
TEST(sample_draws_what_the_cpu_draws) {
  const Device device;
  std::vector<float> logits;
  for (int i = 0; i < 500; i++) logits.push_back(static_cast<float>(i * 37 % 101) / 16);
  std::vector<int32_t> positions;
  for (int32_t i = 0; i < 16; i++) positions.push_back(1000 * i);
  const std::vector<int32_t> unfiltered = {152, 412, 139, 436, 362, 406, 188, 491,
                                           49,  221, 447, 349, 469, 251, 379, 232};
  const std::vector<int32_t> filtered = {453, 412, 139, 412, 393, 49,  60,  483,
                                         49,  221, 251, 434, 311, 251, 434, 232};
  const uint64_t seed = 20240617;
  const auto first = Draw(device, logits, positions, {}, seed);
  const auto second = Draw(device, logits, positions, {0.9f, 50, 0.9f, 0.02f}, seed);
  for (size_t i = 0; i < positions.size(); i++) {
    CHECK_EQ(first[i], unfiltered[i]);
    CHECK_EQ(second[i], filtered[i]);
  }
}

TEST(sample_of_a_longer_row_matches_double) {
  const Device device;
  Random random(77);
  auto logits = random.Normals(9001, 2.5f);
  for (const Filters& f : kFilters) CheckAgainstReference(device, logits, f, 2);
  // Nearly uniform: nothing stands out, so the filters must look at every token.
  for (float& x : logits) x *= 0.01f;
  for (const Filters& f : kFilters) CheckAgainstReference(device, logits, f, 2);
}

// One token stands out, yet most of the weight lies far below it, on three levels.
TEST(sample_of_a_heavy_tail_matches_double) {
  const Device device;
  Random random(12);
  std::vector<float> logits = random.Normals(2300, 0.3f);
  for (size_t i = 0; i < logits.size(); i++) logits[i] -= i < 100 ? 5.5f : i < 900 ? 9.0f : 13.0f;
  logits[1234] = 0;
  for (float top_p : {0.3f, 0.6f, 0.85f, 0.95f, 0.99f, 0.9999999f}) {
    CheckAgainstReference(device, logits, {.top_p = top_p}, 6);
    CheckAgainstReference(device, logits, {.top_k = 700, .top_p = top_p}, 2);
  }
}

TEST(sample_has_the_distribution_of_the_softmax) {
  const Device device;
  Random random(5);
  const auto logits = random.Normals(15, 1.5f);
  for (const Filters& f : {Filters{}, Filters{2, 10, 0.8f, 0}, Filters{.min_p = 0.1f}}) {
    CheckDistribution(logits, f, f.top_k > 0 ? 80 : 300, DrawOn(device));
  }
}

// Seeds, positions and tokens each change the noise: uniform logits give uniform draws over each.
TEST(sample_noise_differs_by_seed_and_position) {
  const Device device;
  const std::vector<float> flat(16, 0.0f);
  std::vector<int32_t> by_seed;
  for (uint64_t seed = 0; seed < 320; seed++) {
    // The high word of the seed counts as well.
    const uint64_t whole = seed % 2 == 0 ? seed : seed << 32;
    by_seed.push_back(Draw(device, flat, {7}, {}, whole)[0]);
  }
  CheckUniform(by_seed, 16);
  CheckUniform(Draw(device, flat, Positions(320), {}, 3), 16);
}

TEST(sample_is_the_same_alone_and_in_a_batch) {
  const Device device;
  Random random(8);
  const int64_t n = 300;
  const int64_t ld = n + 9;
  const auto logits = random.Normals(static_cast<size_t>(32 * ld), 2.0f);
  std::vector<int32_t> positions;
  for (int i = 0; i < 35; i++) positions.push_back(static_cast<int32_t>(random.Below(5000)));
  const RowsAt batch(device, positions);
  for (const Filters& f : {Filters{}, Filters{0.8f, 40, 0.95f, 0.01f}, Filters{.top_p = 0.9f}}) {
    // The logits are those of the batch's rows from number 3 on.
    const auto all = DrawRows(device, batch, 3, 32, n, logits, ld, f, 6);
    for (int64_t m : {1, 2, 9}) {
      const auto ids = DrawRows(device, batch, 3, m, n, logits, ld, f, 6);
      for (size_t i = 0; i < ids.size(); i++) CHECK_EQ(ids[i], all[i]);
    }
    for (int64_t row : {0, 1, 17, 31}) {
      const auto from = logits.begin() + row * ld;
      const auto alone = Draw(device, std::vector<float>(from, from + n),
                              {positions[static_cast<size_t>(row + 3)]}, f, 6);
      CHECK_EQ(alone[0], all[static_cast<size_t>(row)]);
    }
  }
}

TEST(sample_at_the_ends) {
  const Device device;
  for (const Filters& f : kFilters) {
    CHECK_FILTERS_CONTEXT(f);
    // Rows of a NaN, of an infinity, of all but one masked, and of all masked; each beside others.
    const int64_t n = 90;
    std::vector<float> rows;
    std::vector<int32_t> want;
    for (size_t at : {0u, 40u, 89u}) {
      Random random(at);
      auto row = random.Normals(static_cast<size_t>(n));
      row[at] = NAN;
      rows.insert(rows.end(), row.begin(), row.end());
      want.push_back(-1);
      row[at] = INFINITY;
      rows.insert(rows.end(), row.begin(), row.end());
      want.push_back(static_cast<int32_t>(at));
      row.assign(static_cast<size_t>(n), -INFINITY);
      row[at] = -5.0f;
      rows.insert(rows.end(), row.begin(), row.end());
      want.push_back(static_cast<int32_t>(at));
    }
    rows.insert(rows.end(), static_cast<size_t>(n), -INFINITY);
    want.push_back(0);
    const auto count = static_cast<int32_t>(want.size());
    const RowsAt batch(device, Positions(count));
    const auto ids = DrawRows(device, batch, 0, count, n, rows, n, f, 1);
    for (size_t i = 0; i < ids.size(); i++) CHECK_EQ(ids[i], want[i]);
  }
  // A temperature so small that only the largest is left, at any magnitude.
  for (float scale : {1e-3f, 1.0f, 1e30f}) {
    Random random(2);
    const auto logits = random.Normals(300, scale);
    const auto largest = std::max_element(logits.begin(), logits.end()) - logits.begin();
    CHECK_EQ(Draw(device, logits, {4}, {.temperature = 1e-30f}, 1)[0], largest);
    CHECK_EQ(Draw(device, logits, {4}, {.temperature = 1e-40f, .top_p = 0.9f}, 1)[0], largest);
  }
}

// Rows of one call that are drawn in different ways, and one recording for all of them.
TEST(sample_takes_each_sequences_own_sampling_at_every_launch) {
  const Device device;
  Random random(31);
  const int64_t n = 2500;  // more than a list of topk.cuh
  const auto rows = static_cast<int64_t>(kFilters.size());
  const auto logits = random.Normals(static_cast<size_t>(rows * n), 2.0f);
  std::vector<int32_t> positions;
  for (int64_t i = 0; i < rows; i++) positions.push_back(static_cast<int32_t>(random.Below(3000)));
  const RowsAt batch(device, positions);
  int64_t scratch_bytes = 0;
  CHECK_OK(jg_sample_scratch_bytes(device.context(), rows, n, &scratch_bytes));
  const DeviceArray<uint8_t> scratch(device, scratch_bytes);
  const DeviceArray<float> logits_device(device, logits);
  const DeviceArray<int32_t> ids(device, rows);
  const auto sample = [&] {
    return jg_sample(device.stream(), batch.batch(), 0, rows, n, logits_device.data(), n,
                     ids.data(), scratch.data(), scratch_bytes);
  };
  CHECK_EQ(sample(), JG_INVALID_ARGUMENT);
  CHECK(LastError().find("sequence 0 has no sampling") != std::string::npos);
  batch.Sample({Filters{}}, 1);
  CHECK_EQ(jg_sample(device.stream(), batch.batch(), 0, rows, n, logits_device.data(), n,
                     ids.data(), scratch.data() + 4, scratch_bytes),
           JG_INVALID_ARGUMENT);
  CHECK(LastError().find("jg_sample: ") != std::string::npos);
  jg_graph* graph = nullptr;
  CHECK_OK(jg_graph_begin(device.stream()));
  CHECK_OK(sample());
  CHECK_OK(jg_graph_end(device.stream(), &graph));
  for (uint64_t seed : {3u, 4u}) {
    batch.Sample(kFilters, seed);
    CHECK_OK(jg_graph_launch(device.stream(), graph));
    const auto together = ids.Download();
    for (size_t i = 0; i < kFilters.size(); i++) {
      CHECK_FILTERS_CONTEXT(kFilters[i]);
      const auto from = logits.begin() + static_cast<int64_t>(i) * n;
      CHECK_EQ(
          Draw(device, std::vector<float>(from, from + n), {positions[i]}, kFilters[i], seed)[0],
          together[i]);
    }
  }
  CHECK_OK(jg_graph_destroy(graph));
}
