// The library through its C ABI, with worker threads, on ordinary memory: so that AddressSanitizer
// sees every access outside of an argument, and ThreadSanitizer every two threads on one element.
// What the operations compute is tested per tier by the other tests, what they refuse in Java.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "jangle.h"
#include "random.h"
#include "test_batch.h"
#include "weights.h"

using namespace jangle::test;

namespace {

constexpr int32_t kRows = 40;
constexpr int32_t kMaxPages = 4;
constexpr int32_t kPages = 2 * kMaxPages;
constexpr int64_t kHeads = 6, kKvHeads = 3, kHeadDim = 64;
constexpr int64_t kHidden = kHeads * kHeadDim;
constexpr int64_t kKvSize = kKvHeads * kHeadDim;
constexpr int64_t kVocabulary = 1000;
constexpr int64_t kLayers = 4;

void Ok(int32_t status) {
  CHECK_CONTEXT("last error: %s", jg_last_error());
  CHECK_EQ(status, JG_OK);
}

struct CpuContext {
  explicit CpuContext(int32_t threads) { Ok(jg_context_create(0, threads, JG_TIER_BEST, &handle)); }
  ~CpuContext() { jg_context_destroy(handle); }
  CpuContext(const CpuContext&) = delete;
  CpuContext& operator=(const CpuContext&) = delete;
  jg_context* handle = nullptr;
};

struct Stream {
  explicit Stream(const CpuContext& context) { Ok(jg_stream_create(context.handle, &handle)); }
  ~Stream() { jg_stream_destroy(handle); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  jg_stream* handle = nullptr;
};

struct Batch {
  explicit Batch(const CpuContext& context) {
    Ok(jg_batch_create(context.handle, kRows, 2, kMaxPages, &handle));
  }
  ~Batch() { jg_batch_destroy(handle); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // A chain and a tree, half of the rows each, over shuffled pages. Returns choices that lead to
  // the last child of each row.
  std::vector<int32_t> Set(const Stream& stream, uint64_t seed) const {
    constexpr int32_t kHalf = kRows / 2;
    Random random(seed);
    std::vector<int32_t> tokens;
    std::vector<int32_t> sequences;
    std::vector<int32_t> parents = ChainParents(kHalf);
    for (const int32_t parent : RandomParents(random, kHalf)) {
      parents.push_back(parent < 0 ? -1 : kHalf + parent);
    }
    for (int32_t i = 0; i < kRows; i++) {
      tokens.push_back(static_cast<int32_t>(random.Below(kVocabulary)));
      sequences.push_back(i / kHalf);
    }
    const std::array<int32_t, 2> committed = {150, 70};
    const auto pages = ShuffledPages(random, kPages * kPage, 0, kPages);
    Ok(jg_batch_sampling(handle, 0, 0.8f, 40, 0.9f, 0.01f, 11));
    Ok(jg_batch_sampling(handle, 1, 1.7f, 0, 0.95f, 0, 12));
    Ok(jg_batch_set(stream.handle, handle, kRows, tokens.data(), sequences.data(), parents.data(),
                    2, committed.data(), pages.data()));
    std::vector<int32_t> choices(kRows, -1);
    for (size_t i = 0; i < kRows; i++) {
      if (parents[i] >= 0) choices[static_cast<size_t>(parents[i])] = tokens[i];
    }
    return choices;
  }
  jg_batch* handle = nullptr;
};

// Scratch begins at a multiple of 64 bytes.
struct alignas(64) Line {
  uint8_t bytes[64];
};
using Scratch = std::vector<Line>;
Scratch ScratchOf(int64_t bytes) { return Scratch(static_cast<size_t>((bytes + 63) / 64)); }

// A packed weight [kVocabulary][kHidden], and what a product with it needs.
struct Weight {
  Weight(const CpuContext& context, const Stream& stream, int32_t format) : dtype(format) {
    Random random(5);
    const FileWeights source = MakeWeights(random, dtype, kVocabulary, kHidden, false);
    int64_t bytes = 0;
    Ok(jg_pack_bytes(context.handle, dtype, kVocabulary, kHidden, &bytes));
    packed.resize(static_cast<size_t>(bytes));
    Ok(jg_pack(stream.handle, dtype, kVocabulary, kHidden, 0, kVocabulary, source.bytes.data(),
               std::ssize(source.bytes), packed.data()));
    Ok(jg_matmul_scratch_bytes(context.handle, dtype, kVocabulary, kHidden, kRows, &scratch_bytes));
  }

  void Product(const Stream& stream, const std::vector<float>& x, const float* bias,
               bool accumulate, Scratch& scratch, std::vector<float>& y) const {
    Ok(jg_matmul(stream.handle, dtype, kVocabulary, kHidden, packed.data(), kRows, x.data(),
                 kHidden, y.data(), kVocabulary, bias, accumulate ? 1 : 0, scratch.data(),
                 std::ssize(scratch) * 64));
  }

  int32_t dtype;
  std::vector<uint8_t> packed;
  int64_t scratch_bytes = 0;
};

// Values of a cache of kLayers layers, as F32 or F16.
std::vector<uint8_t> RandomCache(int32_t dtype) {
  Random random(6);
  const int64_t elements = kLayers * kPages * 2 * kKvSize * kPage;
  std::vector<uint8_t> cache(static_cast<size_t>(elements * (dtype == JG_F32 ? 4 : 2)));
  for (int64_t i = 0; i < elements; i++) {
    const float value = random.Normal();
    const uint16_t half = FloatToHalf(value);
    if (dtype == JG_F32) {
      std::memcpy(cache.data() + 4 * i, &value, 4);
    } else {
      std::memcpy(cache.data() + 2 * i, &half, 2);
    }
  }
  return cache;
}

struct Result {
  std::string operation;
  std::vector<uint8_t> bytes;
};

// Every operation once, with `threads` threads.
std::vector<Result> EveryOperation(int32_t threads, int32_t dtype, int32_t cache_dtype) {
  const CpuContext context(threads);
  const Stream stream(context);
  const Batch batch(context);
  const std::vector<int32_t> choices = batch.Set(stream, 8);
  Random random(9);
  std::vector<Result> results;
  const auto keep = [&](const char* operation, const auto& values) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
    results.push_back({operation, {bytes, bytes + values.size() * sizeof values[0]}});
  };

  const Weight weight(context, stream, dtype);
  keep("pack", weight.packed);
  std::vector<float> x(kRows * kHidden);
  Ok(jg_embed(stream.handle, batch.handle, dtype, kVocabulary, kHidden, weight.packed.data(),
              x.data(), kHidden));
  keep("embed", x);
  const auto gain = random.Normals(kHidden);
  std::vector<float> h(x.size());
  Ok(jg_rmsnorm(stream.handle, kRows, 1, kHidden, x.data(), kHidden, gain.data(), 1e-5f, h.data(),
                kHidden));
  keep("rmsnorm", h);
  const auto table = random.Normals(256 * kHeadDim);
  Ok(jg_rope(stream.handle, batch.handle, kHeads, kHeadDim, table.data(), 256, h.data(), kHidden));
  keep("rope", h);

  auto cache = RandomCache(cache_dtype);
  const int64_t layer_bytes = std::ssize(cache) / kLayers;
  Ok(jg_kv_append(stream.handle, batch.handle, cache_dtype, kKvHeads, kHeadDim, h.data(), kHidden,
                  h.data() + kKvSize, kHidden, cache.data()));
  keep("kv_append", cache);
  int64_t scratch_bytes = 0;
  Ok(jg_attention_scratch_bytes(context.handle, kHeads, kHeadDim, kRows, kMaxPages,
                                &scratch_bytes));
  Scratch scratch = ScratchOf(scratch_bytes);
  std::vector<float> attended(x.size());
  Ok(jg_attention(stream.handle, batch.handle, cache_dtype, kHeads, kKvHeads, kHeadDim, 0.125f,
                  cache.data(), h.data(), kHidden, attended.data(), kHidden, scratch.data(),
                  scratch_bytes));
  keep("attention", attended);
  const std::array<int32_t, 4> page_table = {3, 0, 5, 2};
  std::vector<int32_t> from;
  std::vector<int32_t> to;
  for (int32_t i = 0; i < 16; i++) {
    from.push_back(100 + 3 * i);
    to.push_back(100 + i);
  }
  Ok(jg_kv_gather(stream.handle, cache_dtype, kKvHeads, kHeadDim, kLayers, layer_bytes,
                  page_table.data(), std::ssize(page_table), std::ssize(from), from.data(),
                  to.data(), cache.data()));
  keep("kv_gather", cache);
  Ok(jg_accept(stream.handle, batch.handle, choices.data(), 1, cache_dtype, kKvHeads, kHeadDim,
               kLayers, layer_bytes, cache.data()));
  keep("accept", cache);

  const auto bias = random.Normals(kVocabulary);
  auto logits = random.Normals(kRows * kVocabulary);
  scratch = ScratchOf(weight.scratch_bytes);
  weight.Product(stream, h, bias.data(), true, scratch, logits);
  keep("matmul", logits);
  const auto other = random.Normals(logits.size());
  std::vector<float> gated(logits.size());
  Ok(jg_swiglu(stream.handle, kRows, kVocabulary, logits.data(), other.data(), kVocabulary,
               gated.data(), kVocabulary));
  keep("swiglu", gated);
  Ok(jg_residual(stream.handle, kRows, kVocabulary, other.data(), kVocabulary, gated.data(),
                 kVocabulary));
  keep("residual", gated);

  constexpr int64_t kBest = 20;
  std::vector<int32_t> ids(kRows * kBest);
  std::vector<float> values(ids.size());
  Ok(jg_argmax(stream.handle, kRows, kVocabulary, other.data(), kVocabulary, ids.data()));
  keep("argmax", ids);
  Ok(jg_topk(stream.handle, kRows, kVocabulary, kBest, other.data(), kVocabulary, ids.data(),
             values.data()));
  keep("topk ids", ids);
  keep("topk values", values);
  Ok(jg_sample_scratch_bytes(context.handle, kRows, kVocabulary, &scratch_bytes));
  scratch = ScratchOf(scratch_bytes);
  Ok(jg_sample(stream.handle, batch.handle, 0, kRows, kVocabulary, other.data(), kVocabulary,
               ids.data(), scratch.data(), scratch_bytes));
  keep("sample", ids);
  return results;
}

}  // namespace

TEST(every_operation_gives_the_same_with_any_number_of_threads) {
  for (int32_t dtype = JG_F32; dtype <= JG_Q4_1; dtype++) {
    const int32_t cache_dtype = dtype % 2 == 0 ? JG_F32 : JG_F16;
    const auto want = EveryOperation(1, dtype, cache_dtype);
    for (const int32_t threads : {2, 5}) {
      const auto got = EveryOperation(threads, dtype, cache_dtype);
      CHECK_EQ(got.size(), want.size());
      for (size_t i = 0; i < want.size(); i++) {
        CHECK_CONTEXT("%s, %s, %d threads", want[i].operation.c_str(), kFormatNames[dtype],
                      threads);
        CHECK(got[i].bytes == want[i].bytes);
      }
    }
  }
}

TEST(streams_of_several_threads_share_a_context_and_a_weight) {
  const CpuContext context(3);
  const Stream packing(context);
  const Weight weight(context, packing, JG_Q8_0);
  Random random(12);
  const auto x = random.Normals(kRows * kHidden);
  const auto product = [&](std::vector<float>& y) {
    const Stream stream(context);
    Scratch scratch = ScratchOf(weight.scratch_bytes);
    for (int i = 0; i < 20; i++) weight.Product(stream, x, nullptr, false, scratch, y);
  };
  std::vector<float> alone(kRows * kVocabulary);
  product(alone);
  std::array<std::vector<float>, 3> together;
  together.fill(std::vector<float>(alone.size()));
  std::vector<std::thread> callers;
  for (auto& y : together) callers.emplace_back([&] { product(y); });
  for (std::thread& caller : callers) caller.join();
  for (const auto& y : together) CHECK(y == alone);
}

TEST(graph_takes_the_rows_of_the_batch_at_its_launch) {
  const CpuContext context(2);
  const Stream stream(context);
  const Batch batch(context);
  const Weight weight(context, stream, JG_Q4_0);
  std::vector<float> x(kRows * kHidden);
  const auto embed = [&] {
    Ok(jg_embed(stream.handle, batch.handle, weight.dtype, kVocabulary, kHidden,
                weight.packed.data(), x.data(), kHidden));
  };
  batch.Set(stream, 13);
  Ok(jg_graph_begin(stream.handle));
  embed();
  jg_graph* graph = nullptr;
  Ok(jg_graph_end(stream.handle, &graph));
  CHECK(std::all_of(x.begin(), x.end(), [](float value) { return value == 0; }));
  batch.Set(stream, 14);
  Ok(jg_graph_launch(stream.handle, graph));
  Ok(jg_graph_destroy(graph));
  const auto launched = x;
  std::fill(x.begin(), x.end(), 0.0f);
  embed();
  CHECK(launched == x);
}

TEST(streams_and_memory_of_other_libraries_are_for_a_gpu) {
  const CpuContext context(1);
  const Stream stream(context);
  void* handle = &handle;
  Ok(jg_stream_handle(stream.handle, &handle));
  CHECK(handle == nullptr);
  int32_t other = 0;
  jg_stream* wrapped = nullptr;
  CHECK_EQ(jg_stream_wrap(context.handle, &other, &wrapped), JG_UNSUPPORTED);
  CHECK(wrapped == nullptr);
  CHECK_EQ(jg_buffer_check(context.handle, &other, sizeof other), JG_UNSUPPORTED);
  CHECK(std::string(jg_last_error()).find("CPU") != std::string::npos);
}

TEST(stream_destroyed_while_it_records_frees_the_recording) {  // a leak, to LeakSanitizer
  const CpuContext context(1);
  jg_stream* stream = nullptr;
  Ok(jg_stream_create(context.handle, &stream));
  Ok(jg_graph_begin(stream));
  const std::array<char, 3> from = {1, 2, 3};
  std::array<char, 3> to = {};
  Ok(jg_copy(stream, to.data(), from.data(), 3));
  Ok(jg_stream_destroy(stream));
  CHECK(to != from);
}

TEST(events_follow_the_clock) {
  const CpuContext context(1);
  const Stream stream(context);
  jg_event* first = nullptr;
  jg_event* second = nullptr;
  Ok(jg_event_create(context.handle, &first));
  Ok(jg_event_create(context.handle, &second));
  double milliseconds = -1;
  Ok(jg_event_record(stream.handle, first));
  CHECK_EQ(jg_event_elapsed(first, second, &milliseconds), JG_INVALID_ARGUMENT);
  CHECK(std::string(jg_last_error()).find("second event was never recorded") != std::string::npos);
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
  Ok(jg_event_record(stream.handle, second));
  Ok(jg_event_elapsed(first, second, &milliseconds));
  CHECK(milliseconds >= 3);
  const double earlier = milliseconds;
  Ok(jg_event_elapsed(second, first, &milliseconds));
  CHECK(milliseconds == -earlier);
  Ok(jg_event_record(stream.handle, first));  // forgets the earlier record
  Ok(jg_event_elapsed(second, first, &milliseconds));
  CHECK(milliseconds >= 0);
  Ok(jg_graph_begin(stream.handle));
  CHECK_EQ(jg_event_record(stream.handle, first), JG_INVALID_ARGUMENT);
  jg_graph* graph = nullptr;
  Ok(jg_graph_end(stream.handle, &graph));
  Ok(jg_graph_destroy(graph));
  CHECK_EQ(jg_event_elapsed(first, nullptr, &milliseconds), JG_INVALID_ARGUMENT);
  CHECK_EQ(jg_event_create(context.handle, nullptr), JG_INVALID_ARGUMENT);
  Ok(jg_event_destroy(first));
  Ok(jg_event_destroy(second));
  Ok(jg_event_destroy(nullptr));
}

TEST(last_error_belongs_to_the_thread_that_failed) {
  CHECK_EQ(jg_device_count(nullptr), JG_INVALID_ARGUMENT);
  const std::string here = jg_last_error();
  std::string before;
  std::string after;
  std::thread([&] {
    before = jg_last_error();
    jg_device_tier(7, nullptr);
    after = jg_last_error();
  }).join();
  CHECK_EQ(before, std::string());
  CHECK(after.find("no device 7") != std::string::npos);
  CHECK_EQ(std::string(jg_last_error()), here);
}
