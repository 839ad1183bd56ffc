// A kernel that reaches past its memory leaves the device unusable: every later call says so with
// the first cause, and closing everything still works. Needs a process of its own.
#include <string>

#include "device.h"
#include "refusal.h"

using namespace jangle::test;

namespace {

constexpr int64_t kFarAway = int64_t{1} << 40;

int32_t Residual(const Device& device, int64_t n, const float* x, float* y) {
  const int32_t status = jg_residual(device.stream(), 1, n, x, n, y, n);
  return status != JG_OK ? status : jg_stream_synchronize(device.stream());
}

}  // namespace

TEST(device_lost_keeps_the_first_cause) {
  SkipUnderSanitizer();
  const Device device;
  const DeviceArray<float> array(device, 64);
  jg_batch* batch = nullptr;
  CHECK_OK(jg_batch_create(device.context(), 4, 1, 1, &batch));
  void* pinned = nullptr;
  CHECK_OK(jg_host_alloc(device.context(), 64, &pinned));
  jg_stream* stream = nullptr;
  CHECK_OK(jg_stream_create(device.context(), &stream));
  CHECK_OK(jg_graph_begin(stream));
  CHECK_OK(jg_residual(stream, 1, 64, array.data(), 64, array.data(), 64));
  jg_graph* graph = nullptr;
  CHECK_OK(jg_graph_end(stream, &graph));

  CHECK_REFUSED(Residual(device, 64, array.data(), array.data() + kFarAway), JG_DEVICE_LOST,
                "the GPU cannot be used any more");
  const std::string first = jg_last_error();

#define CHECK_LOST(call) CHECK_REFUSED(call, JG_DEVICE_LOST, first.c_str())
  float host[64] = {};
  void* buffer = nullptr;
  jg_context* context = nullptr;
  const int32_t zero = 0;
  const int32_t none = -1;
  CHECK_LOST(Residual(device, 64, array.data(), array.data()));
  CHECK_LOST(jg_stream_synchronize(device.stream()));
  CHECK_LOST(jg_graph_launch(stream, graph));
  CHECK_LOST(jg_copy_to_device(device.stream(), array.data(), host, sizeof host));
  CHECK_LOST(jg_copy_to_host(device.stream(), host, array.data(), sizeof host));
  CHECK_LOST(jg_batch_set(device.stream(), batch, 1, &zero, &zero, &none, 1, &zero, &zero));
  CHECK_LOST(jg_buffer_alloc(device.context(), 100, &buffer));
  CHECK_LOST(jg_context_create(0, 0, JG_TIER_BEST, &context));
  jg_graph_destroy(graph);
  jg_host_free(device.context(), pinned);
  jg_batch_destroy(batch);
  CHECK_LOST(jg_stream_destroy(stream));
}
