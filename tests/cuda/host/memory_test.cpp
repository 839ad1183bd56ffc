// Device memory, pinned memory and copies.
#include <cstring>
#include <numeric>
#include <string>

#include "device.h"
#include "refusal.h"

using namespace jangle::test;

namespace {

class PinnedArray {
 public:
  PinnedArray(const Device& device, int64_t count) : device_(device) {
    void* memory = nullptr;
    CHECK_OK(jg_host_alloc(device.context(), count * 4, &memory));
    data_ = static_cast<int32_t*>(memory);
  }
  ~PinnedArray() { jg_host_free(device_.context(), data_); }
  PinnedArray(const PinnedArray&) = delete;
  PinnedArray& operator=(const PinnedArray&) = delete;
  int32_t* data() const { return data_; }

 private:
  const Device& device_;
  int32_t* data_ = nullptr;
};

// Several turns of a stream's staging memory, and a part of one.
constexpr int64_t kMany = (int64_t{5} << 20) / 4 + 3;

std::vector<int32_t> Counted(int64_t count, int32_t first) {
  std::vector<int32_t> values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), first);
  return values;
}

}  // namespace

TEST(memory_is_zero_filled_and_aligned) {
  const Device device;
  for (int round = 0; round < 3; round++) {
    const DeviceArray<int32_t> odd(device, 3);
    const DeviceArray<int32_t> array(device, 1000);
    CHECK_EQ(reinterpret_cast<uintptr_t>(odd.data()) % 256, 0);
    CHECK_EQ(reinterpret_cast<uintptr_t>(array.data()) % 256, 0);
    CHECK(array.Download() == std::vector<int32_t>(1000));
    // What the next round may get again.
    CHECK_OK(jg_copy_to_device(device.stream(), array.data(), Counted(1000, 1).data(), 4000));
    device.Synchronize();
  }
}

TEST(memory_out_of_reach_names_what_was_asked_and_what_is_free) {
  SkipUnderSanitizer();
  const Device device;
  int64_t free_bytes = 0;
  int64_t total_bytes = 0;
  CHECK_OK(jg_memory_info(device.context(), &free_bytes, &total_bytes));
  CHECK(free_bytes > 0 && free_bytes <= total_bytes);
  void* buffer = nullptr;
  const int64_t asked = total_bytes + 12345;
  const int32_t status = jg_buffer_alloc(device.context(), asked, &buffer);
  CHECK_REFUSED(status, JG_OUT_OF_MEMORY, std::to_string(asked).c_str());
  CHECK_REFUSED(status, JG_OUT_OF_MEMORY, (std::to_string(total_bytes) + " are free").c_str());
  CHECK(buffer == nullptr);
  CHECK_EQ(DeviceArray<int32_t>(device, 5).Download().size(), 5);  // the context lives on
}

TEST(memory_of_other_calls_that_is_missing_is_named_too) {
  SkipUnderSanitizer();
  const Device device;
  jg_batch* batch = nullptr;
  const int32_t rows = 1 << 20;
  CHECK_REFUSED(jg_batch_create(device.context(), rows, rows, rows, &batch), JG_OUT_OF_MEMORY,
                "bytes of GPU memory");
  CHECK(batch == nullptr);
  void* pinned = nullptr;
  const int64_t asked = (int64_t{1} << 48) - 1;
  const int32_t status = jg_host_alloc(device.context(), asked, &pinned);
  CHECK_REFUSED(status, JG_OUT_OF_MEMORY, std::to_string(asked).c_str());
  CHECK_REFUSED(status, JG_OUT_OF_MEMORY, "pinned host memory");
}

TEST(memory_of_wrong_sizes_is_refused) {
  const Device device;
  void* memory = nullptr;
  for (const int64_t bytes : {int64_t{0}, int64_t{-1}, int64_t{1} << 60}) {
    CHECK_REFUSED(jg_buffer_alloc(device.context(), bytes, &memory), JG_INVALID_ARGUMENT, "bytes");
    CHECK_REFUSED(jg_host_alloc(device.context(), bytes, &memory), JG_INVALID_ARGUMENT, "bytes");
  }
  int32_t own = 0;
  CHECK_REFUSED(jg_host_free(device.context(), &own), JG_INVALID_ARGUMENT, "jg_host_alloc");
  CHECK_OK(jg_host_free(device.context(), nullptr));
  CHECK_OK(jg_buffer_free(device.context(), nullptr));
}

TEST(copy_from_memory_that_is_used_again_at_once) {
  const Device device;
  const DeviceArray<int32_t> array(device, kMany);
  std::vector<int32_t> source = Counted(kMany, 7);
  CHECK_OK(jg_copy_to_device(device.stream(), array.data(), source.data(), kMany * 4));
  std::fill(source.begin(), source.end(), -1);
  CHECK(array.Download() == Counted(kMany, 7));
}

TEST(copy_from_and_to_pinned_memory) {
  const Device device;
  const DeviceArray<int32_t> array(device, 500);
  const DeviceArray<int32_t> other(device, 500);
  const PinnedArray from(device, 500);
  const PinnedArray to(device, 500);
  for (int32_t i = 0; i < 500; i++) {
    CHECK_EQ(from.data()[i], 0);
    from.data()[i] = i;
  }
  CHECK_OK(jg_copy_to_device(device.stream(), array.data(), from.data(), 2000));
  CHECK_OK(jg_copy(device.stream(), other.data() + 1, array.data(), 1996));
  CHECK_OK(jg_copy_to_host(device.stream(), to.data(), other.data(), 2000));
  device.Synchronize();
  CHECK_EQ(to.data()[0], 0);
  for (int32_t i = 1; i < 500; i++) CHECK_EQ(to.data()[i], i - 1);
}

TEST(copy_of_nothing_and_of_nothing_good) {
  const Device device;
  int32_t host = 5;
  const DeviceArray<int32_t> array(device, 1);
  CHECK_OK(jg_copy_to_device(device.stream(), nullptr, nullptr, 0));
  CHECK_OK(jg_copy_to_host(device.stream(), nullptr, nullptr, 0));
  CHECK_OK(jg_copy(device.stream(), nullptr, nullptr, 0));
  CHECK_REFUSED(jg_copy_to_device(device.stream(), nullptr, &host, 4), JG_INVALID_ARGUMENT, "null");
  CHECK_REFUSED(jg_copy_to_host(device.stream(), &host, nullptr, 4), JG_INVALID_ARGUMENT, "null");
  CHECK_REFUSED(jg_copy(nullptr, array.data(), array.data(), 4), JG_INVALID_ARGUMENT, "null");
  CHECK_REFUSED(jg_copy_to_device(device.stream(), array.data(), &host, -4), JG_INVALID_ARGUMENT,
                "-4 bytes");
}

TEST(copy_recorded_reads_pinned_memory_at_each_launch) {
  const Device device;
  const DeviceArray<int32_t> array(device, 2);
  const PinnedArray pinned(device, 4);
  int32_t pageable[2] = {1, 2};
  CHECK_OK(jg_graph_begin(device.stream()));
  CHECK_REFUSED(jg_copy_to_device(device.stream(), array.data(), pageable, 8), JG_INVALID_ARGUMENT,
                "only host memory of jg_host_alloc");
  CHECK_REFUSED(jg_copy_to_host(device.stream(), pageable, array.data(), 8), JG_INVALID_ARGUMENT,
                "only host memory of jg_host_alloc");
  // Pinned at its begin, but not to its end.
  CHECK_REFUSED(jg_copy_to_device(device.stream(), array.data(), pinned.data() + 3, 8),
                JG_INVALID_ARGUMENT, "only host memory of jg_host_alloc");
  CHECK_OK(jg_copy_to_device(device.stream(), array.data(), pinned.data(), 8));
  CHECK_OK(jg_copy_to_host(device.stream(), pinned.data() + 2, array.data(), 8));
  jg_graph* graph = nullptr;
  CHECK_OK(jg_graph_end(device.stream(), &graph));
  for (int32_t launch = 0; launch < 3; launch++) {
    pinned.data()[0] = launch;
    pinned.data()[1] = launch * 10;
    CHECK_OK(jg_graph_launch(device.stream(), graph));
    device.Synchronize();
    CHECK_EQ(pinned.data()[2], launch);
    CHECK_EQ(pinned.data()[3], launch * 10);
  }
  CHECK_OK(jg_graph_destroy(graph));
}
