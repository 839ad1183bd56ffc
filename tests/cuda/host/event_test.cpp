// Events and the stream's handle.
#include "device.h"
#include "refusal.h"

using namespace jangle::test;

TEST(event_times_what_lies_between_two_records) {
  const Device device;
  const DeviceArray<int32_t> from(device, std::vector<int32_t>(100000, 7));
  const DeviceArray<int32_t> to(device, 100000);
  jg_event* start = nullptr;
  jg_event* end = nullptr;
  CHECK_OK(jg_event_create(device.context(), &start));
  CHECK_OK(jg_event_create(device.context(), &end));
  double milliseconds = -1;
  CHECK_REFUSED(jg_event_elapsed(start, end, &milliseconds), JG_INVALID_ARGUMENT,
                "first event was never recorded");
  CHECK_OK(jg_event_record(device.stream(), start));
  CHECK_REFUSED(jg_event_elapsed(start, end, &milliseconds), JG_INVALID_ARGUMENT,
                "second event was never recorded");
  CHECK_OK(jg_copy(device.stream(), to.data(), from.data(), 400000));
  CHECK_OK(jg_event_record(device.stream(), end));
  CHECK_OK(jg_event_elapsed(start, end, &milliseconds));
  CHECK(milliseconds >= 0);
  CHECK_EQ(to.Download()[99999], 7);
  CHECK_OK(jg_event_destroy(start));
  CHECK_OK(jg_event_destroy(end));
  CHECK_OK(jg_event_destroy(nullptr));
}

TEST(event_is_not_part_of_a_recording) {
  const Device device;
  jg_event* event = nullptr;
  CHECK_OK(jg_event_create(device.context(), &event));
  CHECK_OK(jg_graph_begin(device.stream()));
  CHECK_REFUSED(jg_event_record(device.stream(), event), JG_INVALID_ARGUMENT, "recording");
  jg_graph* graph = nullptr;
  CHECK_OK(jg_graph_end(device.stream(), &graph));
  CHECK_OK(jg_graph_destroy(graph));
  CHECK_OK(jg_event_record(device.stream(), event));
  CHECK_OK(jg_event_destroy(event));
}

TEST(event_without_an_argument_is_refused) {
  const Device device;
  double milliseconds = 0;
  CHECK_REFUSED(jg_event_create(device.context(), nullptr), JG_INVALID_ARGUMENT, "null");
  CHECK_REFUSED(jg_event_record(device.stream(), nullptr), JG_INVALID_ARGUMENT, "null");
  CHECK_REFUSED(jg_event_elapsed(nullptr, nullptr, &milliseconds), JG_INVALID_ARGUMENT, "null");
}

TEST(stream_has_a_handle_and_the_device_a_cache) {
  const Device device;
  void* handle = nullptr;
  CHECK_OK(jg_stream_handle(device.stream(), &handle));
  CHECK(handle != nullptr);
  CHECK_REFUSED(jg_stream_handle(device.stream(), nullptr), JG_INVALID_ARGUMENT, "null");
  int64_t bytes = 0;
  CHECK_OK(jg_device_cache_bytes(0, &bytes));
  CHECK(bytes > 1 << 20);
  CHECK_REFUSED(jg_device_cache_bytes(7, &bytes), JG_INVALID_ARGUMENT, "no device 7");
}
