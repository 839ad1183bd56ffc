// Streams and memory that another library made: here, those of a second stream and of a buffer.
#include <cstdint>

#include "device.h"
#include "refusal.h"

using namespace jangle::test;

namespace {

constexpr int64_t kCount = 1 << 20;  // several turns of the staging memory

class Handle {
 public:
  explicit Handle(jg_stream* stream) { CHECK_OK(jg_stream_handle(stream, &handle_)); }
  void* get() const { return handle_; }

 private:
  void* handle_ = nullptr;
};

}  // namespace

TEST(wrapped_stream_runs_in_the_other_ones_order) {
  const Device device;
  const Handle handle(device.stream());
  CHECK(handle.get() != nullptr);
  jg_stream* wrapped = nullptr;
  CHECK_OK(jg_stream_wrap(device.context(), handle.get(), &wrapped));
  CHECK(Handle(wrapped).get() == handle.get());
  const std::vector<float> ones(kCount, 1.0f);
  const DeviceArray<float> x(device, kCount);
  const DeviceArray<float> y(device, kCount);
  CHECK_OK(jg_copy_to_device(wrapped, x.data(), ones.data(), x.Bytes()));
  CHECK_OK(jg_residual(device.stream(), 1, kCount, x.data(), kCount, y.data(), kCount));
  jg_graph* graph = nullptr;
  CHECK_OK(jg_graph_begin(wrapped));
  CHECK_OK(jg_residual(wrapped, 1, kCount, x.data(), kCount, y.data(), kCount));
  CHECK_OK(jg_graph_end(wrapped, &graph));
  CHECK_OK(jg_graph_launch(wrapped, graph));
  CHECK_OK(jg_graph_destroy(graph));
  CHECK_OK(jg_stream_synchronize(wrapped));
  CHECK(y.Download() == std::vector<float>(kCount, 2.0f));
  CHECK_OK(jg_stream_destroy(wrapped));
  CHECK(x.Download() == ones);  // the other one is still there
}

TEST(wrapped_stream_destroyed_while_it_records_leaves_the_other_one_usable) {
  const Device device;
  const DeviceArray<float> x(device, 64);
  jg_stream* wrapped = nullptr;
  CHECK_OK(jg_stream_wrap(device.context(), Handle(device.stream()).get(), &wrapped));
  CHECK_OK(jg_graph_begin(wrapped));
  CHECK_OK(jg_residual(wrapped, 1, 64, x.data(), 64, x.data(), 64));
  CHECK_OK(jg_stream_destroy(wrapped));
  CHECK(x.Download() == std::vector<float>(64));
}

TEST(wrapped_stream_must_be_one_that_can_be_recorded) {
  const Device device;
  jg_stream* wrapped = nullptr;
  for (const uintptr_t number : {0, 1, 2}) {
    CHECK_REFUSED(jg_stream_wrap(device.context(), reinterpret_cast<void*>(number), &wrapped),
                  JG_INVALID_ARGUMENT, "default stream");
  }
  const Handle handle(device.stream());
  CHECK_REFUSED(jg_stream_wrap(nullptr, handle.get(), &wrapped), JG_INVALID_ARGUMENT, "null");
  CHECK_REFUSED(jg_stream_wrap(device.context(), handle.get(), nullptr), JG_INVALID_ARGUMENT,
                "null");
  CHECK_OK(jg_graph_begin(device.stream()));
  CHECK_REFUSED(jg_stream_wrap(device.context(), handle.get(), &wrapped), JG_INVALID_ARGUMENT,
                "being captured");
  jg_graph* graph = nullptr;
  CHECK_OK(jg_graph_end(device.stream(), &graph));
  CHECK_OK(jg_graph_destroy(graph));
  CHECK(wrapped == nullptr);
}

TEST(wrapped_memory_must_be_the_gpus_from_its_first_to_its_last_byte) {
  const Device device;
  const DeviceArray<int32_t> array(device, 100);
  jg_context* context = device.context();
  CHECK_OK(jg_buffer_check(context, array.data(), 400));
  CHECK_OK(jg_buffer_check(context, array.data() + 64, 144));
  CHECK_REFUSED(jg_buffer_check(context, array.data() + 1, 4), JG_INVALID_ARGUMENT, "aligned");
  CHECK_REFUSED(jg_buffer_check(context, array.data(), int64_t{1} << 40), JG_INVALID_ARGUMENT,
                "byte 1099511627775 of 1099511627776");
  alignas(256) static int32_t host[64];
  CHECK_REFUSED(jg_buffer_check(context, host, 4), JG_INVALID_ARGUMENT, "byte 0 of 4");
  void* pinned = nullptr;
  CHECK_OK(jg_host_alloc(context, 4096, &pinned));
  CHECK_REFUSED(jg_buffer_check(context, pinned, 4), JG_INVALID_ARGUMENT, "not in memory of a GPU");
  CHECK_OK(jg_host_free(context, pinned));
  for (const int64_t bytes : {int64_t{0}, int64_t{-1}, int64_t{1} << 60}) {
    CHECK_REFUSED(jg_buffer_check(context, array.data(), bytes), JG_INVALID_ARGUMENT, "bytes");
  }
  CHECK_REFUSED(jg_buffer_check(context, nullptr, 4), JG_INVALID_ARGUMENT, "null");
  CHECK_REFUSED(jg_buffer_check(nullptr, array.data(), 4), JG_INVALID_ARGUMENT, "null");
}
