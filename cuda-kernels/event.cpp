// Events, of the runtime's kind.
#include <memory>

#include "check.h"
#include "context.h"

using jangle::Guard;

extern "C" {

int32_t jg_event_create(jg_context* context, jg_event** event) {
  return Guard([&] {
    JG_REQUIRE(context != nullptr && event != nullptr, "jg_event_create: null argument");
    auto made = std::make_unique<jg_event>();
    JG_CUDA(cudaEventCreate(&made->event));
    *event = made.release();
    return JG_OK;
  });
}

int32_t jg_event_destroy(jg_event* event) {
  if (event == nullptr) return JG_OK;
  const cudaError_t error = cudaEventDestroy(event->event);
  delete event;
  JG_CUDA(error);
  return JG_OK;
}

int32_t jg_event_record(jg_stream* stream, jg_event* event) {
  JG_REQUIRE(stream != nullptr && event != nullptr, "jg_event_record: null argument");
  JG_REQUIRE(!stream->recording, "jg_event_record: the stream is recording");
  JG_CUDA(cudaEventRecord(event->event, stream->stream));
  event->recorded = true;
  return JG_OK;
}

int32_t jg_event_elapsed(jg_event* start, jg_event* end, double* milliseconds) {
  JG_REQUIRE(start != nullptr && end != nullptr && milliseconds != nullptr,
             "jg_event_elapsed: null argument");
  JG_REQUIRE(start->recorded && end->recorded, "jg_event_elapsed: the %s event was never recorded",
             start->recorded ? "second" : "first");
  JG_CUDA(cudaEventSynchronize(start->event));
  JG_CUDA(cudaEventSynchronize(end->event));
  float elapsed = 0;
  JG_CUDA(cudaEventElapsedTime(&elapsed, start->event, end->event));
  *milliseconds = elapsed;
  return JG_OK;
}

}  // extern "C"
