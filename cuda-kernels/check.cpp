#include "check.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <mutex>

namespace jangle {
namespace {

// Of these driver_types.h says that the process must be started again: faults of kernels, and
// errors of the hardware that cannot be corrected.
constexpr int kSticky[] = {214, 220, 226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721, 810};

constexpr int kCaptureUnsupported = 900;
constexpr int kCaptureInvalidated = 901;
constexpr int kCaptureImplicit = 906;
constexpr int kCaptureWrongThread = 908;

// One device is used per process, so one cause is kept.
std::mutex cause_mutex;
char cause[800] = "";

int32_t Lost(cudaError_t error, const char* call) {
  const std::lock_guard lock(cause_mutex);
  if (cause[0] == '\0') {
    std::snprintf(cause, sizeof cause, "%s (%s) in %s", cudaGetErrorName(error),
                  cudaGetErrorString(error), call);
  }
  return Fail(JG_DEVICE_LOST,
              "the GPU cannot be used any more: %s, or in a call before it; start the process "
              "again",
              cause);
}

}  // namespace

bool IsSticky(cudaError_t error) {
  return std::find(std::begin(kSticky), std::end(kSticky), static_cast<int>(error)) !=
         std::end(kSticky);
}

int32_t CudaFail(cudaError_t error, const char* call) {
  cudaGetLastError();  // an error that is not sticky must not be met again by the next call
  if (IsSticky(error)) return Lost(error, call);
  if (error == cudaErrorMemoryAllocation) {
    size_t free_now = 0;
    size_t total = 0;
    cudaMemGetInfo(&free_now, &total);
    return Fail(JG_OUT_OF_MEMORY, "out of memory on the GPU in %s; %zu of its %zu bytes are free",
                call, free_now, total);
  }
  switch (static_cast<int>(error)) {
    case kCaptureUnsupported:
    case kCaptureImplicit:
      return Fail(JG_INVALID_ARGUMENT,
                  "this cannot be done while the thread records a graph: %s (%s); do it before "
                  "jg_graph_begin",
                  call, cudaGetErrorName(error));
    case kCaptureInvalidated:
      return Fail(JG_INVALID_ARGUMENT,
                  "the recording was spoilt by a call that failed before: %s (%s); end it and "
                  "record again",
                  call, cudaGetErrorName(error));
    case kCaptureWrongThread:
      return Fail(JG_INVALID_ARGUMENT, "a recording is ended by the thread that began it: %s (%s)",
                  call, cudaGetErrorName(error));
    default:
      return Fail(JG_INTERNAL, "%s failed: %s (%s)", call, cudaGetErrorName(error),
                  cudaGetErrorString(error));
  }
}

}  // namespace jangle
