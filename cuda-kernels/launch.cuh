// Launches a kernel: the one place where the toolkit's compiler and the emulation part ways on the
// host side, since <<<>>> is not C++.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <tuple>

#ifdef JANGLE_EMULATION
#include "emulation/launch.h"
#endif

namespace jangle {

// Runs kernel(arguments...) over `grid` blocks of `block` threads with `shared_bytes` of dynamic
// shared memory, in stream order. A kernel that needs more than 48 KiB must have been given them
// with cudaFuncSetAttribute before.
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

}  // namespace jangle
