#include "emulation/report.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "checks.h"
#include "device.h"

namespace jangle::emulation {
namespace {

struct State {
  std::mutex mutex;
  std::string report;
  std::string error_text;  // of the sticky error, for cudaGetErrorString
  std::atomic<cudaError_t> sticky{cudaSuccess};
  std::atomic<uint64_t> seed{EnvironmentNumber("JANGLE_EMULATION_SEED", 0)};
};

State& TheState() {
  static State state;
  return state;
}

thread_local cudaError_t last_error = cudaSuccess;

struct ErrorText {
  const char* name;
  const char* text;
};

const std::map<cudaError_t, ErrorText>& ErrorTexts() {
  static const std::map<cudaError_t, ErrorText> texts = {
      {cudaSuccess, {"cudaSuccess", "no error"}},
      {cudaErrorInvalidValue, {"cudaErrorInvalidValue", "invalid argument"}},
      {cudaErrorMemoryAllocation, {"cudaErrorMemoryAllocation", "out of memory"}},
      {cudaErrorInvalidConfiguration,
       {"cudaErrorInvalidConfiguration", "invalid configuration argument"}},
      {cudaErrorInsufficientDriver,
       {"cudaErrorInsufficientDriver",
        "CUDA driver version is insufficient for CUDA runtime version"}},
      {cudaErrorInvalidDeviceFunction,
       {"cudaErrorInvalidDeviceFunction", "invalid device function"}},
      {cudaErrorNoDevice, {"cudaErrorNoDevice", "no CUDA-capable device is detected"}},
      {cudaErrorInvalidDevice, {"cudaErrorInvalidDevice", "invalid device ordinal"}},
      {cudaErrorInvalidResourceHandle,
       {"cudaErrorInvalidResourceHandle", "invalid resource handle"}},
      {cudaErrorIllegalState,
       {"cudaErrorIllegalState", "the operation cannot be performed in the present state"}},
      {cudaErrorIllegalAddress,
       {"cudaErrorIllegalAddress", "an illegal memory access was encountered"}},
      {cudaErrorMisalignedAddress, {"cudaErrorMisalignedAddress", "misaligned address"}},
      {cudaErrorLaunchFailure, {"cudaErrorLaunchFailure", "unspecified launch failure"}},
      {cudaErrorNotSupported, {"cudaErrorNotSupported", "operation not supported"}},
      {cudaErrorStreamCaptureUnsupported,
       {"cudaErrorStreamCaptureUnsupported", "operation not permitted when stream is capturing"}},
      {cudaErrorStreamCaptureInvalidated,
       {"cudaErrorStreamCaptureInvalidated",
        "operation failed due to a previous error during capture"}},
      {cudaErrorStreamCaptureImplicit,
       {"cudaErrorStreamCaptureImplicit",
        "operation would make the legacy stream depend on a capturing blocking stream"}},
      {cudaErrorCapturedEvent,
       {"cudaErrorCapturedEvent",
        "operation not permitted on an event last recorded in a "
        "capturing stream"}},
      {cudaErrorStreamCaptureWrongThread,
       {"cudaErrorStreamCaptureWrongThread",
        "attempt to terminate a thread-local capture sequence from another thread"}},
  };
  return texts;
}

}  // namespace

size_t EnvironmentNumber(const char* name, size_t otherwise) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return otherwise;
  char* end = nullptr;
  const unsigned long long value = std::strtoull(text, &end, 10);
  return *end == '\0' ? static_cast<size_t>(value) : otherwise;
}

uint64_t Seed() { return TheState().seed.load(); }
void SetSeed(uint64_t seed) { TheState().seed.store(seed); }

bool Checked() { return checked; }

cudaError_t StickyError() { return TheState().sticky.load(); }

cudaError_t Return(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

void Report(cudaError_t error, const char* kind, const std::string& text) {
  State& state = TheState();
  const std::scoped_lock lock(state.mutex);
  if (state.sticky.load() != cudaSuccess) return;
  state.report = std::string(kind) + ": " + text;
  state.error_text = std::string(ErrorTexts().at(error).text) + "; " + state.report;
  state.sticky.store(error);
  std::fprintf(stderr, "CUDA emulation: %s\n", state.report.c_str());
}

std::string LastReport() {
  const std::scoped_lock lock(TheState().mutex);
  return TheState().report;
}

void ResetReports() {
  State& state = TheState();
  const std::scoped_lock lock(state.mutex);
  state.report.clear();
  state.sticky.store(cudaSuccess);
  last_error = cudaSuccess;
}

}  // namespace jangle::emulation

using jangle::emulation::ErrorTexts;
using jangle::emulation::last_error;

cudaError_t cudaPeekAtLastError() {
  const cudaError_t sticky = jangle::emulation::StickyError();
  return sticky != cudaSuccess ? sticky : last_error;
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = cudaPeekAtLastError();
  last_error = cudaSuccess;
  return error;
}

const char* cudaGetErrorName(cudaError_t error) {
  const auto found = ErrorTexts().find(error);
  return found == ErrorTexts().end() ? "unrecognized error code" : found->second.name;
}

const char* cudaGetErrorString(cudaError_t error) {
  if (error != cudaSuccess && error == jangle::emulation::StickyError()) {
    return jangle::emulation::TheState().error_text.c_str();
  }
  const auto found = ErrorTexts().find(error);
  return found == ErrorTexts().end() ? "unrecognized error code" : found->second.text;
}
