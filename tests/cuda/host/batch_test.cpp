// Batches and graphs: rows change from step to step while earlier steps are still on the stream.
// What a batch holds is seen through jg_embed, whose table tells the tokens.
#include <dlfcn.h>

#include <numeric>
#include <thread>

#include "device.h"
#include "refusal.h"

using namespace jangle::test;

namespace {

constexpr int32_t kRows = 6;
constexpr int64_t kTokens = 50;

class Batch {
 public:
  Batch(const Device& device, int32_t max_rows) : device_(device) {
    CHECK_OK(jg_batch_create(device.context(), max_rows, 1, 1, &batch_));
  }
  ~Batch() { jg_batch_destroy(batch_); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  jg_batch* get() const { return batch_; }
  int32_t Set(const std::vector<int32_t>& tokens) const {
    const std::vector<int32_t> sequences(tokens.size(), 0);
    std::vector<int32_t> parents(tokens.size());
    for (size_t i = 0; i < tokens.size(); i++) parents[i] = static_cast<int32_t>(i) - 1;
    const int32_t zero = 0;
    return jg_batch_set(device_.stream(), batch_, static_cast<int32_t>(tokens.size()),
                        tokens.data(), sequences.data(), parents.data(), 1, &zero, &zero);
  }

 private:
  const Device& device_;
  jg_batch* batch_ = nullptr;
};

// A table [kTokens][1] whose row t is t.
class Table {
 public:
  explicit Table(const Device& device) : device_(device), packed_(device, Bytes(device)) {
    std::vector<float> rows(kTokens);
    std::iota(rows.begin(), rows.end(), 0.0F);
    CHECK_OK(jg_pack(device.stream(), JG_F32, kTokens, 1, 0, kTokens, rows.data(), kTokens * 4,
                     packed_.data()));
  }
  int32_t Embed(const Batch& batch, float* out) const {
    return jg_embed(device_.stream(), batch.get(), JG_F32, kTokens, 1, packed_.data(), out, 1);
  }

 private:
  static int64_t Bytes(const Device& device) {
    int64_t bytes = 0;
    CHECK_OK(jg_pack_bytes(device.context(), JG_F32, kTokens, 1, &bytes));
    return bytes;
  }
  const Device& device_;
  DeviceArray<uint8_t> packed_;
};

std::vector<int32_t> Tokens(int32_t step) {
  std::vector<int32_t> tokens(kRows);
  for (int32_t i = 0; i < kRows; i++) tokens[static_cast<size_t>(i)] = (step * 11 + i * 7) % 50;
  return tokens;
}

std::vector<float> Floats(const std::vector<int32_t>& tokens) {
  return {tokens.begin(), tokens.end()};
}

}  // namespace

TEST(batch_set_does_not_reach_into_earlier_steps) {
  const Device device;
  const Table table(device);
  const Batch batch(device, kRows);
  constexpr int32_t kSteps = 20;
  const DeviceArray<float> out(device, kSteps * kRows);
  for (int32_t step = 0; step < kSteps; step++) {
    CHECK_OK(batch.Set(Tokens(step)));
    CHECK_OK(table.Embed(batch, out.data() + step * kRows));
  }
  const std::vector<float> found = out.Download();
  for (int32_t step = 0; step < kSteps; step++) {
    const std::vector<float> want = Floats(Tokens(step));
    for (size_t i = 0; i < kRows; i++) {
      CHECK_BITS(found[static_cast<size_t>(step * kRows) + i], want[i]);
    }
  }
}

TEST(batch_keeps_its_rows_when_new_ones_are_wrong) {
  const Device device;
  const Table table(device);
  const Batch batch(device, kRows);
  const DeviceArray<float> out(device, kRows);
  CHECK_REFUSED(batch.Set({1, -1}), JG_INVALID_ARGUMENT, "row 1: token -1");
  CHECK_REFUSED(table.Embed(batch, out.data()), JG_INVALID_ARGUMENT, "the batch is empty");
  // Rows that jg_embed would refuse, if the batch fell back to them.
  CHECK_OK(batch.Set(std::vector<int32_t>(kRows, 50)));
  CHECK_REFUSED(table.Embed(batch, out.data()), JG_INVALID_ARGUMENT, "row 0: token 50");
  for (int32_t step = 0; step < 3; step++) {
    CHECK_OK(batch.Set(Tokens(step)));
    CHECK_REFUSED(batch.Set({1, -1}), JG_INVALID_ARGUMENT, "row 1: token -1");
    CHECK_REFUSED(batch.Set(std::vector<int32_t>(kRows + 1)), JG_INVALID_ARGUMENT, "7 rows");
    CHECK_OK(table.Embed(batch, out.data()));
    CHECK(out.Download() == Floats(Tokens(step)));
  }
}

TEST(graph_sees_the_batch_of_each_launch) {
  const Device device;
  const Table table(device);
  const Batch batch(device, kRows);
  constexpr int32_t kSteps = 8;
  const DeviceArray<float> out(device, kRows);
  const DeviceArray<float> all(device, kSteps * kRows);
  CHECK_OK(batch.Set(Tokens(100)));
  CHECK_OK(jg_graph_begin(device.stream()));
  CHECK_REFUSED(batch.Set(Tokens(0)), JG_INVALID_ARGUMENT, "before jg_graph_begin");
  CHECK_OK(table.Embed(batch, out.data()));
  jg_graph* graph = nullptr;
  CHECK_OK(jg_graph_end(device.stream(), &graph));
  CHECK(out.Download() == std::vector<float>(kRows));  // recorded, not run
  for (int32_t step = 0; step < kSteps; step++) {
    CHECK_OK(batch.Set(Tokens(step)));
    CHECK_OK(jg_graph_launch(device.stream(), graph));
    CHECK_OK(jg_copy(device.stream(), all.data() + step * kRows, out.data(), kRows * 4));
  }
  const std::vector<float> found = all.Download();
  for (int32_t step = 0; step < kSteps; step++) {
    const std::vector<float> want = Floats(Tokens(step));
    for (size_t i = 0; i < kRows; i++) {
      CHECK_BITS(found[static_cast<size_t>(step * kRows) + i], want[i]);
    }
  }
  CHECK_OK(jg_graph_destroy(graph));
}

TEST(graph_misuse_is_refused_and_leaves_the_recording_whole) {
  const Device device;
  jg_stream* stream = device.stream();
  jg_graph* graph = nullptr;
  CHECK_REFUSED(jg_graph_end(stream, &graph), JG_INVALID_ARGUMENT, "not recording");
  CHECK_REFUSED(jg_graph_launch(stream, nullptr), JG_INVALID_ARGUMENT, "null");
  CHECK_OK(jg_graph_begin(stream));
  CHECK_REFUSED(jg_graph_begin(stream), JG_INVALID_ARGUMENT, "recording already");
  CHECK_REFUSED(jg_stream_synchronize(stream), JG_INVALID_ARGUMENT, "recording");
  CHECK_OK(jg_graph_end(stream, &graph));
  CHECK_OK(jg_graph_launch(stream, graph));
  CHECK_OK(jg_graph_destroy(graph));
  CHECK_OK(jg_graph_destroy(nullptr));
}

TEST(graph_spoilt_by_an_allocation_says_so_and_the_stream_goes_on) {
  SkipUnderSanitizer();
  const Device device;
  jg_stream* stream = device.stream();
  CHECK_OK(jg_graph_begin(stream));
  void* buffer = nullptr;
  CHECK_REFUSED(jg_buffer_alloc(device.context(), 100, &buffer), JG_INVALID_ARGUMENT,
                "while the thread records a graph");
  CHECK(buffer == nullptr);
  jg_graph* graph = nullptr;
  CHECK_REFUSED(jg_graph_end(stream, &graph), JG_INVALID_ARGUMENT, "the recording was spoilt");
  CHECK(graph == nullptr);
  CHECK_EQ(DeviceArray<int32_t>(device, 100).Download().size(), 100);
  CHECK_OK(jg_graph_begin(stream));
  CHECK_OK(jg_graph_end(stream, &graph));
  CHECK_OK(jg_graph_destroy(graph));
}

TEST(graph_is_ended_by_the_thread_that_began_it) {
  SkipUnderSanitizer();
  const Device device;
  jg_graph* graph = nullptr;
  CHECK_OK(jg_graph_begin(device.stream()));
  int32_t status = JG_OK;
  std::string text;
  std::thread other([&] {
    status = jg_graph_end(device.stream(), &graph);
    text = jg_last_error();
  });
  other.join();
  CHECK_EQ(status, JG_INVALID_ARGUMENT);
  CHECK(text.find("by the thread that began it") != std::string::npos);
  // Whether the recording is whole is CUDA's affair; the stream must be of use afterwards.
  if (jg_graph_end(device.stream(), &graph) == JG_OK) CHECK_OK(jg_graph_destroy(graph));
  CHECK_OK(jg_graph_begin(device.stream()));
  CHECK_OK(jg_graph_end(device.stream(), &graph));
  CHECK_OK(jg_graph_destroy(graph));
}

TEST(graph_leaves_other_threads_alone) {
  const Device device;
  CHECK_OK(jg_graph_begin(device.stream()));
  void* buffer = nullptr;
  int32_t status = JG_INTERNAL;
  std::thread other([&] { status = jg_buffer_alloc(device.context(), 100, &buffer); });
  other.join();
  CHECK_EQ(status, JG_OK);
  jg_graph* graph = nullptr;
  CHECK_OK(jg_graph_end(device.stream(), &graph));
  CHECK_OK(jg_graph_destroy(graph));
  CHECK_OK(jg_buffer_free(device.context(), buffer));
}

// A stream of another library, which waits for the legacy stream: use of that would spoil its
// recording.
TEST(graph_on_a_blocking_stream_is_left_alone_by_other_threads) {
  using Make = void* (*)();
  const auto make = reinterpret_cast<Make>(dlsym(RTLD_DEFAULT, "jangle_emulation_blocking_stream"));
  if (make == nullptr) SKIP("only the emulation makes such a stream here");
  const Device device;
  jg_stream* stream = nullptr;
  CHECK_OK(jg_stream_wrap(device.context(), make(), &stream));
  CHECK_OK(jg_graph_begin(stream));
  int32_t created = JG_INTERNAL;
  int32_t allocated = JG_INTERNAL;
  std::thread other([&] {
    jg_context* context = nullptr;
    created = jg_context_create(0, 0, JG_TIER_BEST, &context);
    void* buffer = nullptr;
    allocated = jg_buffer_alloc(device.context(), 100, &buffer);
    jg_buffer_free(device.context(), buffer);
    jg_context_destroy(context);
  });
  other.join();
  CHECK_EQ(created, JG_OK);
  CHECK_EQ(allocated, JG_OK);
  jg_graph* graph = nullptr;
  CHECK_OK(jg_graph_end(stream, &graph));
  CHECK_OK(jg_graph_destroy(graph));
  CHECK_OK(jg_stream_destroy(stream));
}

TEST(stream_destroyed_while_it_records) {
  const Device device;
  jg_stream* stream = nullptr;
  CHECK_OK(jg_stream_create(device.context(), &stream));
  CHECK_OK(jg_graph_begin(stream));
  CHECK_OK(jg_stream_destroy(stream));
  CHECK_EQ(DeviceArray<int32_t>(device, 100).Download().size(), 100);
}

TEST(batch_refuses_a_page_that_its_rows_would_reach_and_that_is_none) {
  const Device device;
  jg_batch* batch = nullptr;
  CHECK_OK(jg_batch_create(device.context(), 2, 2, 3, &batch));
  const std::vector<int32_t> tokens = {1, 2}, parents = {-1, 0}, committed = {9, JG_PAGE - 1};
  const auto set = [&](int32_t sequence, const std::vector<int32_t>& pages) {
    const std::vector<int32_t> sequences = {sequence, sequence};
    return jg_batch_set(device.stream(), batch, 2, tokens.data(), sequences.data(), parents.data(),
                        2, committed.data(), pages.data());
  };
  CHECK_REFUSED(set(1, {0, 0, 0, -1000000, 3, 0}), JG_INVALID_ARGUMENT,
                "sequence 1: page 0 of its table is -1000000");
  CHECK_REFUSED(set(1, {0, 0, 0, 3, -1, 0}), JG_INVALID_ARGUMENT,
                "sequence 1: page 1 of its table is -1");
  CHECK_OK(set(1, {-1, -1, -1, 3, 4, -1}));  // of sequence 0 there are no rows
  CHECK_OK(set(0, {0, -1, -1, -1, -1, -1}));
  CHECK_OK(jg_batch_destroy(batch));
}

TEST(limits_of_a_batch_are_checked) {
  const Device device;
  jg_batch* batch = nullptr;
  CHECK_REFUSED(jg_batch_create(device.context(), 0, 1, 1, &batch), JG_INVALID_ARGUMENT, "0 rows");
  CHECK_REFUSED(jg_batch_create(device.context(), 4, 5, 1, &batch), JG_INVALID_ARGUMENT,
                "5 sequences");
  CHECK_REFUSED(jg_batch_create(device.context(), 4, 1, 0, &batch), JG_INVALID_ARGUMENT, "0 pages");
  CHECK_OK(jg_batch_destroy(nullptr));
}
