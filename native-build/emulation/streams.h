// Streams run what they are given at once, in the caller's thread; a capture records it instead.
#pragma once

#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "emulation/runtime_api.h"

namespace jangle::emulation {

using Operation = std::function<cudaError_t()>;

// Errors before a call that may be neither captured nor made while any stream captures (in
// cudaStreamCaptureModeGlobal, or in this thread): such a call spoils the capture, as in CUDA.
cudaError_t NotWhileCapturing();
// The same, and the error that a fault left behind.
cudaError_t CallOutsideCapture();

// Whether operations of the stream are recorded now. Faults: an unknown stream, a spoilt capture.
cudaError_t StreamState(cudaStream_t stream, bool* capturing);
void Record(cudaStream_t stream, Operation operation);
// Runs and counts, or records.
cudaError_t Enqueue(cudaStream_t stream, uint64_t& count, Operation operation);

}  // namespace jangle::emulation

struct CUstream_st {
  unsigned flags = 0;
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id capturing_thread;
  std::vector<jangle::emulation::Operation> recorded;
};
