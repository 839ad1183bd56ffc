// Streams, and graphs by stream capture. Only the recording thread is held to the rules of a
// capture; others may allocate and load meanwhile.
#include <memory>

#include "check.h"
#include "context.h"

using jangle::Guard;

namespace {

// Large enough that the bytes take longer than the two calls that send them (a PCIe 4 link moves a
// megabyte in some 40 us).
constexpr size_t kStagingBytes = size_t{1} << 20;

// Waits for what is on the stream. All is tried, whatever becomes of each; the first failure is the
// result.
cudaError_t Free(jg_stream* stream) {
  if (stream->recording) {
    cudaGraph_t graph = nullptr;
    cudaStreamEndCapture(stream->stream, &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
  }
  cudaError_t first = cudaStreamSynchronize(stream->stream);
  const cudaError_t destroyed = stream->owned ? cudaStreamDestroy(stream->stream) : cudaSuccess;
  for (const cudaError_t error : {destroyed, stream->staging.Free()}) {
    if (first == cudaSuccess) first = error;
  }
  return first;
}

// The streams that exist without being made: null, cudaStreamLegacy, cudaStreamPerThread.
bool IsDefault(cudaStream_t stream) { return reinterpret_cast<uintptr_t>(stream) <= 2; }

// What can be asked of a stream that was made elsewhere.
int32_t CheckForeign(jg_context* context, cudaStream_t stream) {
  JG_REQUIRE(!IsDefault(stream),
             "jg_stream_wrap: a default stream cannot be recorded; make one with cudaStreamCreate");
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  const cudaError_t error = cudaStreamIsCapturing(stream, &status);
  if (error == cudaErrorInvalidResourceHandle) cudaGetLastError();
  JG_REQUIRE(error != cudaErrorInvalidResourceHandle, "jg_stream_wrap: %p is not a stream",
             static_cast<void*>(stream));
  JG_CUDA(error);
  JG_REQUIRE(status == cudaStreamCaptureStatusNone,
             "jg_stream_wrap: the stream is being captured; wrap it before or after");
  int device = 0;
  JG_CUDA(cudaStreamGetDevice(stream, &device));
  JG_REQUIRE(device == context->device,
             "jg_stream_wrap: the stream is of GPU %d; this context is on GPU %d", device,
             context->device);
  return JG_OK;
}

}  // namespace

extern "C" {

int32_t jg_stream_create(jg_context* context, jg_stream** stream) {
  return Guard([&] {
    JG_REQUIRE(context != nullptr && stream != nullptr, "jg_stream_create: null argument");
    auto made = std::make_unique<jg_stream>(context);
    JG_CUDA(cudaStreamCreateWithFlags(&made->stream, cudaStreamNonBlocking));
    if (int32_t status = made->staging.Allocate(kStagingBytes)) {
      Free(made.get());
      return status;
    }
    *stream = made.release();
    return JG_OK;
  });
}

int32_t jg_stream_wrap(jg_context* context, void* handle, jg_stream** stream) {
  return Guard([&] {
    JG_REQUIRE(context != nullptr && stream != nullptr, "jg_stream_wrap: null argument");
    auto made = std::make_unique<jg_stream>(context);
    made->stream = static_cast<cudaStream_t>(handle);
    made->owned = false;
    if (int32_t status = CheckForeign(context, made->stream)) return status;
    if (int32_t status = made->staging.Allocate(kStagingBytes)) {
      Free(made.get());
      return status;
    }
    *stream = made.release();
    return JG_OK;
  });
}

int32_t jg_stream_destroy(jg_stream* stream) {
  if (stream == nullptr) return JG_OK;
  const cudaError_t error = Free(stream);
  delete stream;
  JG_CUDA(error);
  return JG_OK;
}

int32_t jg_stream_synchronize(jg_stream* stream) {
  JG_REQUIRE(stream != nullptr, "jg_stream_synchronize: stream is null");
  JG_REQUIRE(!stream->recording, "jg_stream_synchronize: the stream is recording");
  JG_CUDA(cudaStreamSynchronize(stream->stream));
  return JG_OK;
}

int32_t jg_stream_handle(jg_stream* stream, void** handle) {
  JG_REQUIRE(stream != nullptr && handle != nullptr, "jg_stream_handle: null argument");
  *handle = stream->stream;
  return JG_OK;
}

int32_t jg_graph_begin(jg_stream* stream) {
  JG_REQUIRE(stream != nullptr, "jg_graph_begin: stream is null");
  JG_REQUIRE(!stream->recording, "jg_graph_begin: the stream is recording already");
  JG_CUDA(cudaStreamBeginCapture(stream->stream, cudaStreamCaptureModeThreadLocal));
  stream->recording = true;
  return JG_OK;
}

int32_t jg_graph_end(jg_stream* stream, jg_graph** graph) {
  return Guard([&] {
    JG_REQUIRE(stream != nullptr && graph != nullptr, "jg_graph_end: null argument");
    JG_REQUIRE(stream->recording, "jg_graph_end: the stream is not recording");
    auto made = std::make_unique<jg_graph>();
    cudaGraph_t captured = nullptr;
    const cudaError_t ended = cudaStreamEndCapture(stream->stream, &captured);
    stream->recording = ended == cudaErrorStreamCaptureWrongThread;
    JG_CUDA(ended);
    const cudaError_t error = cudaGraphInstantiate(&made->exec, captured, 0);
    cudaGraphDestroy(captured);
    JG_CUDA(error);
    *graph = made.release();
    return JG_OK;
  });
}

int32_t jg_graph_launch(jg_stream* stream, jg_graph* graph) {
  JG_REQUIRE(stream != nullptr && graph != nullptr, "jg_graph_launch: null argument");
  JG_REQUIRE(!stream->recording, "jg_graph_launch: the stream is recording");
  JG_CUDA(cudaGraphLaunch(graph->exec, stream->stream));
  return JG_OK;
}

int32_t jg_graph_destroy(jg_graph* graph) {
  if (graph == nullptr) return JG_OK;
  const cudaError_t error = cudaGraphExecDestroy(graph->exec);
  delete graph;
  JG_CUDA(error);
  return JG_OK;
}

}  // extern "C"
