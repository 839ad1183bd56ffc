#include "allocate.h"

#include "check.h"

namespace jangle {

int32_t AllocateDevice(void** memory, size_t bytes) {
  const cudaError_t error = cudaMalloc(memory, bytes);
  if (error != cudaErrorMemoryAllocation) {
    JG_CUDA(error);
    return JG_OK;
  }
  cudaGetLastError();
  size_t free_now = 0;
  size_t total = 0;
  cudaMemGetInfo(&free_now, &total);
  return Fail(JG_OUT_OF_MEMORY,
              "cannot take %zu bytes of GPU memory; %zu of the GPU's %zu are free", bytes, free_now,
              total);
}

int32_t AllocatePinned(void** memory, size_t bytes) {
  const cudaError_t error = cudaHostAlloc(memory, bytes, cudaHostAllocDefault);
  if (error != cudaErrorMemoryAllocation) {
    JG_CUDA(error);
    return JG_OK;
  }
  cudaGetLastError();
  return Fail(JG_OUT_OF_MEMORY,
              "cannot take %zu bytes of pinned host memory: the host has too little, or a limit "
              "such as 'ulimit -l' is set",
              bytes);
}

}  // namespace jangle
