// Streams, captures, graphs and events.

#include <cuda_runtime.h>

#include <thread>

#include "device_array.h"
#include "emulation/report.h"
#include "launch.cuh"
#include "native/check.h"

namespace jangle::test {
namespace {

__global__ void Add(int* values, int amount) { values[threadIdx.x] += amount; }

class Stream {
 public:
  explicit Stream(unsigned flags = cudaStreamNonBlocking) {
    CHECK_EQ(cudaStreamCreateWithFlags(&stream_, flags), cudaSuccess);
  }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

cudaError_t Begin(cudaStream_t stream) {
  return cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
}

cudaStreamCaptureStatus Status(cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusInvalidated;
  CHECK_EQ(cudaStreamIsCapturing(stream, &status), cudaSuccess);
  return status;
}

// A call that a capture cannot hold: it fails, and so does the end of the capture.
template <typename Call>
void ExpectSpoilt(cudaStream_t stream, cudaError_t error, Call call) {
  CHECK_EQ(Begin(stream), cudaSuccess);
  CHECK_EQ(call(), error);
  CHECK_EQ(Status(stream), cudaStreamCaptureStatusInvalidated);
  cudaGraph_t graph = nullptr;
  CHECK_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  CHECK(graph == nullptr);
  CHECK_EQ(Status(stream), cudaStreamCaptureStatusNone);
  cudaGetLastError();
}

}  // namespace

TEST(graph_replays_what_was_captured) {
  const Stream stream;
  const DeviceArray<int> values(std::vector<int>(32, 0));
  int from_host = 5;
  int to_host = 0;
  CHECK_EQ(Status(stream), cudaStreamCaptureStatusNone);
  CHECK_EQ(Begin(stream), cudaSuccess);
  CHECK_EQ(Status(stream), cudaStreamCaptureStatusActive);
  CHECK_EQ(cudaMemsetAsync(values.data(), 0, 8, stream), cudaSuccess);
  CHECK_EQ(cudaMemcpyAsync(values.data() + 2, &from_host, 4, cudaMemcpyHostToDevice, stream),
           cudaSuccess);
  CHECK_EQ(Launch(Add, dim3(1), dim3(32), 0, stream, values.data(), 1), cudaSuccess);
  CHECK_EQ(Launch(Add, dim3(1), dim3(32), 0, stream, values.data(), 10), cudaSuccess);
  CHECK_EQ(cudaMemcpyAsync(&to_host, values.data() + 31, 4, cudaMemcpyDeviceToHost, stream),
           cudaSuccess);
  cudaGraph_t graph = nullptr;
  CHECK_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  CHECK_EQ(values.Download()[0], 0);  // nothing has run
  CHECK_EQ(to_host, 0);

  cudaGraphExec_t exec = nullptr;
  CHECK_EQ(cudaGraphInstantiate(&exec, graph), cudaSuccess);
  CHECK_EQ(cudaGraphDestroy(graph), cudaSuccess);
  for (int round = 1; round <= 3; round++) {
    CHECK_CONTEXT("round %d", round);
    from_host = round * 100;
    CHECK_EQ(cudaGraphLaunch(exec, stream), cudaSuccess);
    CHECK_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    const std::vector<int> found = values.Download();
    CHECK_EQ(found[0], 11);
    CHECK_EQ(found[2], round * 100 + 11);
    CHECK_EQ(found[31], 11 * round);
    CHECK_EQ(to_host, 11 * round);
  }
  CHECK_EQ(cudaGraphExecDestroy(exec), cudaSuccess);
  CHECK_EQ(cudaGraphLaunch(exec, stream), cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST(graph_of_a_graph) {
  const Stream stream;
  const DeviceArray<int> values(std::vector<int>(32, 0));
  cudaGraph_t inner_graph = nullptr;
  cudaGraph_t outer_graph = nullptr;
  cudaGraphExec_t inner = nullptr;
  cudaGraphExec_t outer = nullptr;
  CHECK_EQ(Begin(stream), cudaSuccess);
  CHECK_EQ(Launch(Add, dim3(1), dim3(32), 0, stream, values.data(), 1), cudaSuccess);
  CHECK_EQ(cudaStreamEndCapture(stream, &inner_graph), cudaSuccess);
  CHECK_EQ(cudaGraphInstantiate(&inner, inner_graph), cudaSuccess);
  CHECK_EQ(Begin(stream), cudaSuccess);
  CHECK_EQ(cudaGraphLaunch(inner, stream), cudaSuccess);
  CHECK_EQ(cudaGraphLaunch(inner, stream), cudaSuccess);
  CHECK_EQ(cudaStreamEndCapture(stream, &outer_graph), cudaSuccess);
  CHECK_EQ(cudaGraphInstantiate(&outer, outer_graph), cudaSuccess);
  CHECK_EQ(values.Download()[5], 0);
  CHECK_EQ(cudaGraphLaunch(outer, stream), cudaSuccess);
  CHECK_EQ(values.Download()[5], 2);
  for (cudaGraphExec_t exec : {inner, outer}) CHECK_EQ(cudaGraphExecDestroy(exec), cudaSuccess);
  for (cudaGraph_t graph : {inner_graph, outer_graph}) {
    CHECK_EQ(cudaGraphDestroy(graph), cudaSuccess);
  }
}

TEST(graph_calls_that_spoil_a_capture) {
  const Stream stream;
  const Stream blocking(cudaStreamDefault);
  const DeviceArray<int> values(std::vector<int>(32, 0));
  int word = 0;
  void* pointer = nullptr;
  const cudaError_t unsupported = cudaErrorStreamCaptureUnsupported;
  ExpectSpoilt(stream, unsupported, [&] { return cudaStreamSynchronize(stream); });
  ExpectSpoilt(stream, unsupported, [&] { return cudaDeviceSynchronize(); });
  ExpectSpoilt(stream, unsupported, [&] { return cudaMalloc(&pointer, 4); });
  ExpectSpoilt(stream, unsupported, [&] { return cudaFree(values.data()); });
  ExpectSpoilt(stream, unsupported,
               [&] { return cudaMemcpy(&word, values.data(), 4, cudaMemcpyDeviceToHost); });
  ExpectSpoilt(blocking, cudaErrorStreamCaptureImplicit,
               [&] { return Launch(Add, dim3(1), dim3(32), 0, nullptr, values.data(), 1); });
  // Other streams go on, and so does the null stream beside one that does not block.
  CHECK_EQ(Begin(stream), cudaSuccess);
  CHECK_EQ(Launch(Add, dim3(1), dim3(32), 0, blocking, values.data(), 1), cudaSuccess);
  CHECK_EQ(Launch(Add, dim3(1), dim3(32), 0, nullptr, values.data(), 1), cudaSuccess);
  CHECK_EQ(cudaStreamSynchronize(blocking), cudaSuccess);
  cudaGraph_t graph = nullptr;
  CHECK_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  CHECK_EQ(cudaGraphDestroy(graph), cudaSuccess);
  CHECK_EQ(values.Download()[0], 2);
}

TEST(graph_capture_of_another_thread) {
  const Stream stream;
  cudaGraph_t graph = nullptr;
  CHECK_EQ(Begin(stream), cudaSuccess);
  cudaError_t ended = cudaSuccess;
  cudaError_t synchronized = cudaSuccess;
  std::thread([&] {
    synchronized = cudaDeviceSynchronize();  // a thread-local capture does not forbid it here
    ended = cudaStreamEndCapture(stream, &graph);
  }).join();
  CHECK_EQ(synchronized, cudaSuccess);
  CHECK_EQ(ended, cudaErrorStreamCaptureWrongThread);
  CHECK_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  CHECK_EQ(cudaGraphDestroy(graph), cudaSuccess);
  CHECK_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorIllegalState);
  CHECK_EQ(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeGlobal),
           cudaErrorStreamCaptureUnsupported);
  cudaGetLastError();
}

// The memory of a captured copy may be gone when it is replayed.
TEST(graph_replay_with_freed_memory) {
  const Stream stream;
  int* values = nullptr;
  CHECK_EQ(cudaMalloc(&values, 4), cudaSuccess);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  CHECK_EQ(Begin(stream), cudaSuccess);
  CHECK_EQ(cudaMemsetAsync(values, 0, 4, stream), cudaSuccess);
  CHECK_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  CHECK_EQ(cudaGraphInstantiate(&exec, graph), cudaSuccess);
  CHECK_EQ(cudaGraphLaunch(exec, stream), cudaSuccess);
  CHECK_EQ(cudaFree(values), cudaSuccess);
  CHECK_EQ(cudaGraphLaunch(exec, stream), cudaErrorInvalidValue);
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
  cudaGetLastError();
}

TEST(graph_events) {
  const Stream stream;
  cudaEvent_t start = nullptr;
  cudaEvent_t end = nullptr;
  CHECK_EQ(cudaEventCreate(&start), cudaSuccess);
  CHECK_EQ(cudaEventCreate(&end), cudaSuccess);
  float milliseconds = -1;
  CHECK_EQ(cudaEventElapsedTime(&milliseconds, start, end), cudaErrorInvalidResourceHandle);
  CHECK_EQ(cudaEventRecord(start, stream), cudaSuccess);
  CHECK_EQ(cudaEventRecord(end, stream), cudaSuccess);
  CHECK_EQ(cudaEventSynchronize(end), cudaSuccess);
  CHECK_EQ(cudaEventElapsedTime(&milliseconds, start, end), cudaSuccess);
  CHECK(milliseconds >= 0);
  CHECK_EQ(Begin(stream), cudaSuccess);
  CHECK_EQ(cudaEventRecord(end, stream), cudaSuccess);
  CHECK_EQ(cudaEventSynchronize(end), cudaErrorCapturedEvent);
  cudaGraph_t graph = nullptr;
  CHECK_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  CHECK_EQ(cudaGraphDestroy(graph), cudaSuccess);
  for (cudaEvent_t event : {start, end}) CHECK_EQ(cudaEventDestroy(event), cudaSuccess);
  CHECK_EQ(cudaEventRecord(start, stream), cudaErrorInvalidResourceHandle);
  cudaGetLastError();
}

TEST(graph_unknown_stream) {
  cudaStream_t gone = nullptr;
  CHECK_EQ(cudaStreamCreateWithFlags(&gone, cudaStreamNonBlocking), cudaSuccess);
  CHECK_EQ(cudaStreamDestroy(gone), cudaSuccess);
  const DeviceArray<int> values(std::vector<int>(32, 0));
  CHECK_EQ(Launch(Add, dim3(1), dim3(32), 0, gone, values.data(), 1),
           cudaErrorInvalidResourceHandle);
  CHECK_EQ(cudaStreamSynchronize(gone), cudaErrorInvalidResourceHandle);
  CHECK_EQ(cudaStreamDestroy(gone), cudaErrorInvalidResourceHandle);
  cudaGetLastError();
}

}  // namespace jangle::test
