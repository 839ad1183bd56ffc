// Streams and graphs. A CPU stream runs each call at once; a graph is the list of calls to run
// again.
#include "context.h"
#include "error.h"

using jangle::Fail;
using jangle::Guard;

extern "C" {

int32_t jg_stream_create(jg_context* context, jg_stream** stream) {
  return Guard([&] {
    JG_REQUIRE(context != nullptr && stream != nullptr, "jg_stream_create: null argument");
    *stream = new jg_stream{context};
    return JG_OK;
  });
}

int32_t jg_stream_wrap(jg_context* context, void*, jg_stream** stream) {
  JG_REQUIRE(context != nullptr && stream != nullptr, "jg_stream_wrap: null argument");
  return Fail(JG_UNSUPPORTED, "jg_stream_wrap: the CPU has no streams of other libraries");
}

int32_t jg_stream_destroy(jg_stream* stream) {
  if (stream != nullptr) delete stream->recording;
  delete stream;
  return JG_OK;
}

int32_t jg_stream_synchronize(jg_stream* stream) {
  JG_REQUIRE(stream != nullptr, "jg_stream_synchronize: stream is null");
  return JG_OK;
}

int32_t jg_stream_handle(jg_stream* stream, void** handle) {
  JG_REQUIRE(stream != nullptr && handle != nullptr, "jg_stream_handle: null argument");
  *handle = nullptr;
  return JG_OK;
}

int32_t jg_graph_begin(jg_stream* stream) {
  return Guard([&] {
    JG_REQUIRE(stream != nullptr, "jg_graph_begin: stream is null");
    JG_REQUIRE(stream->recording == nullptr, "jg_graph_begin: the stream is recording already");
    stream->recording = new jg_graph;
    return JG_OK;
  });
}

int32_t jg_graph_end(jg_stream* stream, jg_graph** graph) {
  JG_REQUIRE(stream != nullptr && graph != nullptr, "jg_graph_end: null argument");
  JG_REQUIRE(stream->recording != nullptr, "jg_graph_end: the stream is not recording");
  *graph = stream->recording;
  stream->recording = nullptr;
  return JG_OK;
}

int32_t jg_graph_launch(jg_stream* stream, jg_graph* graph) {
  return Guard([&] {
    JG_REQUIRE(stream != nullptr && graph != nullptr, "jg_graph_launch: null argument");
    JG_REQUIRE(stream->recording == nullptr, "jg_graph_launch: the stream is recording");
    for (const auto& call : graph->calls) call();
    return JG_OK;
  });
}

int32_t jg_graph_destroy(jg_graph* graph) {
  delete graph;
  return JG_OK;
}

}  // extern "C"
