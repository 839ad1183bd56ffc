// Events. A call has finished when it returns, so an event happens when it is recorded.
#include <chrono>

#include "context.h"
#include "error.h"

using jangle::Guard;

extern "C" {

int32_t jg_event_create(jg_context* context, jg_event** event) {
  return Guard([&] {
    JG_REQUIRE(context != nullptr && event != nullptr, "jg_event_create: null argument");
    *event = new jg_event;
    return JG_OK;
  });
}

int32_t jg_event_destroy(jg_event* event) {
  delete event;
  return JG_OK;
}

int32_t jg_event_record(jg_stream* stream, jg_event* event) {
  JG_REQUIRE(stream != nullptr && event != nullptr, "jg_event_record: null argument");
  JG_REQUIRE(stream->recording == nullptr, "jg_event_record: the stream is recording");
  event->time = std::chrono::steady_clock::now();
  return JG_OK;
}

int32_t jg_event_elapsed(jg_event* start, jg_event* end, double* milliseconds) {
  JG_REQUIRE(start != nullptr && end != nullptr && milliseconds != nullptr,
             "jg_event_elapsed: null argument");
  JG_REQUIRE(start->time && end->time, "jg_event_elapsed: the %s event was never recorded",
             start->time ? "second" : "first");
  *milliseconds = std::chrono::duration<double, std::milli>(*end->time - *start->time).count();
  return JG_OK;
}

}  // extern "C"
