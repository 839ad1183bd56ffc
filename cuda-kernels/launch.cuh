// Launches a kernel: the one place where the toolkit's compiler and the emulation part ways on the
// host side, since <<<>>> is not C++.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <cstddef>
#include <tuple>

#ifdef JANGLE_EMULATION
#include "emulation/launch.h"
#endif

namespace jangle {

// Runs kernel(arguments...) over `grid` blocks of `block` threads with `shared_bytes` of dynamic
// shared memory, in stream order; of more than 48 KiB see LaunchShared.
template <typename... Parameters, typename... Arguments>
cudaError_t Launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
                   cudaStream_t stream, const Arguments&... arguments) {
#ifdef JANGLE_EMULATION
  return emulation::Launch(grid, block, shared_bytes, stream, [kernel, arguments...] {
    kernel(static_cast<Parameters>(arguments)...);
  });
#else
  std::tuple<Parameters...> values(static_cast<Parameters>(arguments)...);
  return std::apply(
      [&](auto&... value) {
        void* pointers[] = {static_cast<void*>(&value)...};
        return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, block, pointers,
                                shared_bytes, stream);
      },
      values);
#endif
}

// Launch with kSharedBytes of shared memory, be they more than the 48 KiB that every kernel may
// have: more must be allowed to a kernel first. That belongs to the kernel on the device, of which
// a process uses one (context.cu), so it is done once; where it fails, again by the next launch.
// Threads that come here at the same time may each do it, to the same effect.
template <auto kKernel, size_t kSharedBytes, typename... Arguments>
cudaError_t LaunchShared(dim3 grid, dim3 block, cudaStream_t stream,
                         const Arguments&... arguments) {
  static std::atomic<bool> allowed{false};
  if (!allowed.load(std::memory_order_acquire)) {
    const cudaError_t error = cudaFuncSetAttribute(reinterpret_cast<const void*>(kKernel),
                                                   cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                   static_cast<int>(kSharedBytes));
    if (error != cudaSuccess) return error;
    allowed.store(true, std::memory_order_release);
  }
  return Launch(kKernel, grid, block, kSharedBytes, stream, arguments...);
}

}  // namespace jangle
