// Errors of the CUDA runtime as statuses with a text.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "error.h"

namespace jangle {

// Whether an error leaves the device unusable for the rest of the process, such as an illegal
// address in a kernel: every later call of the runtime returns it again.
bool IsSticky(cudaError_t error);

// The status of a failed runtime call, which the text names. A sticky error gives JG_DEVICE_LOST,
// always with the text of the call that met it first.
int32_t CudaFail(cudaError_t error, const char* call);

// Returns from the enclosing function when a runtime call fails.
#define JG_CUDA(call)                                                   \
  do {                                                                  \
    if (const cudaError_t jg_error = (call); jg_error != cudaSuccess) { \
      return ::jangle::CudaFail(jg_error, #call);                       \
    }                                                                   \
  } while (false)

}  // namespace jangle
