#include "streams.h"

#include <memory>
#include <set>
#include <utility>

#include "counts.h"
#include "device.h"

struct CUgraph_st {
  std::vector<jangle::emulation::Operation> operations;
};

struct CUgraphExec_st {
  std::vector<jangle::emulation::Operation> operations;
};

namespace jangle::emulation {
namespace {

struct Handles {
  std::set<cudaStream_t> streams;
  std::set<cudaGraph_t> graphs;
  std::set<cudaGraphExec_t> execs;
};

Handles& TheHandles() {
  static Handles handles;
  return handles;
}

bool Capturing(const CUstream_st& stream) { return stream.status != cudaStreamCaptureStatusNone; }

}  // namespace

cudaError_t NotWhileCapturing() {
  cudaError_t error = cudaSuccess;
  for (cudaStream_t stream : TheHandles().streams) {
    if (!Capturing(*stream) || stream->mode == cudaStreamCaptureModeRelaxed) continue;
    if (stream->mode == cudaStreamCaptureModeThreadLocal &&
        stream->capturing_thread != std::this_thread::get_id()) {
      continue;
    }
    stream->status = cudaStreamCaptureStatusInvalidated;
    error = cudaErrorStreamCaptureUnsupported;
  }
  return error;
}

cudaError_t CallOutsideCapture() {
  const cudaError_t sticky = StickyError();
  return sticky != cudaSuccess ? sticky : NotWhileCapturing();
}

cudaError_t StreamState(cudaStream_t stream, bool* capturing) {
  *capturing = false;
  if (const cudaError_t sticky = StickyError()) return sticky;
  if (stream == nullptr) {
    // The legacy stream waits for all blocking streams, which a capturing one cannot allow.
    for (cudaStream_t other : TheHandles().streams) {
      if (Capturing(*other) && (other->flags & cudaStreamNonBlocking) == 0) {
        other->status = cudaStreamCaptureStatusInvalidated;
        return cudaErrorStreamCaptureImplicit;
      }
    }
    return cudaSuccess;
  }
  if (!TheHandles().streams.contains(stream)) return cudaErrorInvalidResourceHandle;
  if (stream->status == cudaStreamCaptureStatusInvalidated) {
    return cudaErrorStreamCaptureInvalidated;
  }
  *capturing = stream->status == cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

void Record(cudaStream_t stream, Operation operation) {
  stream->recorded.push_back(std::move(operation));
}

cudaError_t Enqueue(cudaStream_t stream, uint64_t& count, Operation operation) {
  bool capturing;
  if (const cudaError_t error = StreamState(stream, &capturing)) return error;
  if (!capturing) {
    count++;
    return operation();
  }
  Record(stream, std::move(operation));
  return cudaSuccess;
}

}  // namespace jangle::emulation

using namespace jangle::emulation;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const DeviceLock lock;
  if (const cudaError_t error = StickyError()) return Return(error);
  if (stream == nullptr || flags > cudaStreamNonBlocking) return Return(cudaErrorInvalidValue);
  *stream = new CUstream_st;
  (*stream)->flags = flags;
  TheHandles().streams.insert(*stream);
  return cudaSuccess;
}

// For tests: a stream that waits for the legacy one, as other libraries make them.
extern "C" __attribute__((visibility("default"))) cudaStream_t jangle_emulation_blocking_stream() {
  cudaStream_t stream = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamDefault);
  return stream;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const DeviceLock lock;
  if (TheHandles().streams.erase(stream) == 0) return Return(cudaErrorInvalidResourceHandle);
  delete stream;
  return Return(StickyError());
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const DeviceLock lock;
  bool capturing;
  if (const cudaError_t error = StreamState(stream, &capturing)) return Return(error);
  if (capturing) {
    stream->status = cudaStreamCaptureStatusInvalidated;
    return Return(cudaErrorStreamCaptureUnsupported);
  }
  TheCounts().waits++;
  return cudaSuccess;
}

cudaError_t cudaStreamGetDevice(cudaStream_t stream, int* device) {
  const DeviceLock lock;
  if (device == nullptr) return Return(cudaErrorInvalidValue);
  if (stream != nullptr && !TheHandles().streams.contains(stream)) {
    return Return(cudaErrorInvalidResourceHandle);
  }
  *device = 0;
  return Return(StickyError());
}

cudaError_t cudaDeviceSynchronize() {
  const DeviceLock lock;
  if (const cudaError_t error = CallOutsideCapture()) return Return(error);
  CheckGuards();
  return Return(StickyError());
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const DeviceLock lock;
  if (stream == nullptr) return Return(cudaErrorStreamCaptureUnsupported);
  bool capturing;
  if (const cudaError_t error = StreamState(stream, &capturing)) return Return(error);
  if (capturing) return Return(cudaErrorIllegalState);
  stream->status = cudaStreamCaptureStatusActive;
  stream->mode = mode;
  stream->capturing_thread = std::this_thread::get_id();
  stream->recorded.clear();
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const DeviceLock lock;
  if (!TheHandles().streams.contains(stream)) return Return(cudaErrorInvalidResourceHandle);
  if (graph == nullptr) return Return(cudaErrorInvalidValue);
  *graph = nullptr;
  if (!Capturing(*stream)) return Return(cudaErrorIllegalState);
  if (stream->mode != cudaStreamCaptureModeRelaxed &&
      stream->capturing_thread != std::this_thread::get_id()) {
    return Return(cudaErrorStreamCaptureWrongThread);
  }
  const bool spoilt = std::exchange(stream->status, cudaStreamCaptureStatusNone) ==
                      cudaStreamCaptureStatusInvalidated;
  if (spoilt) {
    stream->recorded.clear();
    return Return(cudaErrorStreamCaptureInvalidated);
  }
  *graph = new CUgraph_st{std::move(stream->recorded)};
  stream->recorded.clear();
  TheHandles().graphs.insert(*graph);
  return Return(StickyError());
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const DeviceLock lock;
  if (status == nullptr) return Return(cudaErrorInvalidValue);
  *status = cudaStreamCaptureStatusNone;
  if (stream == nullptr) return cudaSuccess;
  if (!TheHandles().streams.contains(stream)) return Return(cudaErrorInvalidResourceHandle);
  *status = stream->status;
  return Return(StickyError());
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  const DeviceLock lock;
  if (const cudaError_t error = StickyError()) return Return(error);
  if (exec == nullptr || !TheHandles().graphs.contains(graph)) {
    return Return(cudaErrorInvalidValue);
  }
  *exec = new CUgraphExec_st{graph->operations};
  TheHandles().execs.insert(*exec);
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  const DeviceLock lock;
  if (!TheHandles().execs.contains(exec)) return Return(cudaErrorInvalidValue);
  // A graph captured into another keeps its own copy, so this one may be destroyed.
  return Return(Enqueue(stream, TheCounts().graphs, [operations = exec->operations] {
    for (const Operation& operation : operations) {
      if (const cudaError_t error = operation()) return error;
    }
    return cudaSuccess;
  }));
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const DeviceLock lock;
  if (TheHandles().graphs.erase(graph) == 0) return Return(cudaErrorInvalidValue);
  delete graph;
  return Return(StickyError());
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  const DeviceLock lock;
  if (TheHandles().execs.erase(exec) == 0) return Return(cudaErrorInvalidValue);
  delete exec;
  return Return(StickyError());
}
