// Events. What a stream is given has run when the call returns, so an event has happened once it
// was recorded.

#include <chrono>
#include <set>

#include "device.h"
#include "streams.h"

struct CUevent_st {
  enum class State { kNew, kRecorded, kCaptured } state = State::kNew;
  std::chrono::steady_clock::time_point time;
};

namespace {

using jangle::emulation::DeviceLock;
using jangle::emulation::Return;
using jangle::emulation::StickyError;

std::set<cudaEvent_t>& Events() {
  static std::set<cudaEvent_t> events;
  return events;
}

cudaError_t CheckRecorded(cudaEvent_t event) {
  if (!Events().contains(event)) return cudaErrorInvalidResourceHandle;
  if (event->state == CUevent_st::State::kCaptured) return cudaErrorCapturedEvent;
  return StickyError();
}

}  // namespace

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  const DeviceLock lock;
  if (const cudaError_t error = StickyError()) return Return(error);
  if (event == nullptr) return Return(cudaErrorInvalidValue);
  *event = new CUevent_st;
  Events().insert(*event);
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const DeviceLock lock;
  if (!Events().contains(event)) return Return(cudaErrorInvalidResourceHandle);
  bool capturing;
  if (const cudaError_t error = jangle::emulation::StreamState(stream, &capturing)) {
    return Return(error);
  }
  event->state = capturing ? CUevent_st::State::kCaptured : CUevent_st::State::kRecorded;
  event->time = std::chrono::steady_clock::now();
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const DeviceLock lock;
  return Return(CheckRecorded(event));
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const DeviceLock lock;
  if (milliseconds == nullptr) return Return(cudaErrorInvalidValue);
  for (cudaEvent_t event : {start, end}) {
    if (const cudaError_t error = CheckRecorded(event)) return Return(error);
    if (event->state == CUevent_st::State::kNew) return Return(cudaErrorInvalidResourceHandle);
  }
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const DeviceLock lock;
  if (Events().erase(event) == 0) return Return(cudaErrorInvalidResourceHandle);
  delete event;
  return Return(StickyError());
}
