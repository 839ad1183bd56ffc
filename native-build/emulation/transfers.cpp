// cudaMemcpy and cudaMemset.

#include <cstring>

#include "checks.h"
#include "counts.h"
#include "device.h"
#include "streams.h"

namespace jangle::emulation {
namespace {

// A pointer's side of a copy. Device memory is refused where host memory was announced, and a
// range that does not lie in one live allocation is refused where device memory was.
bool FitsSide(const void* pointer, size_t bytes, bool device) {
  return device ? OnDevice(pointer, bytes) : !InArena(pointer);
}

bool Valid(const void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  if (bytes == 0) return true;
  if (to == nullptr || from == nullptr) return false;
  switch (kind) {
    case cudaMemcpyHostToHost:
      return FitsSide(to, bytes, false) && FitsSide(from, bytes, false);
    case cudaMemcpyHostToDevice:
      return FitsSide(to, bytes, true) && FitsSide(from, bytes, false);
    case cudaMemcpyDeviceToHost:
      return FitsSide(to, bytes, false) && FitsSide(from, bytes, true);
    case cudaMemcpyDeviceToDevice:
      return FitsSide(to, bytes, true) && FitsSide(from, bytes, true);
    case cudaMemcpyDefault:
      return FitsSide(to, bytes, InArena(to)) && FitsSide(from, bytes, InArena(from));
  }
  return false;
}

// Checked again when a graph replays it: the memory may have been freed since.
cudaError_t Copy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  if (!Valid(to, from, bytes, kind)) return cudaErrorInvalidValue;
  if (bytes == 0) return cudaSuccess;
  std::memmove(to, from, bytes);
  if (InArena(to)) {
    if (InArena(from)) {
      CopyMarks(to, from, bytes);
    } else {
      MarkDevice(to, bytes, DeviceBytes::kWritten);
    }
  }
  return cudaSuccess;
}

cudaError_t Set(void* pointer, int value, size_t bytes) {
  if (bytes == 0) return cudaSuccess;
  if (!OnDevice(pointer, bytes)) return cudaErrorInvalidValue;
  std::memset(pointer, value, bytes);
  MarkDevice(pointer, bytes, DeviceBytes::kWritten);
  return cudaSuccess;
}

}  // namespace
}  // namespace jangle::emulation

using namespace jangle::emulation;

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const DeviceLock lock;
  if (const cudaError_t error = CallOutsideCapture()) return Return(error);
  return Return(Copy(to, from, bytes, kind));
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const DeviceLock lock;
  if (!Valid(to, from, bytes, kind)) return Return(cudaErrorInvalidValue);
  return Return(
      Enqueue(stream, TheCounts().transfers, [=] { return Copy(to, from, bytes, kind); }));
}

cudaError_t cudaMemset(void* pointer, int value, size_t bytes) {
  const DeviceLock lock;
  if (const cudaError_t error = CallOutsideCapture()) return Return(error);
  return Return(Set(pointer, value, bytes));
}

cudaError_t cudaMemsetAsync(void* pointer, int value, size_t bytes, cudaStream_t stream) {
  const DeviceLock lock;
  if (bytes != 0 && !OnDevice(pointer, bytes)) return Return(cudaErrorInvalidValue);
  return Return(Enqueue(stream, TheCounts().transfers, [=] { return Set(pointer, value, bytes); }));
}
