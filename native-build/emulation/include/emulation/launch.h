// Runs a kernel on the CPU. Called by cuda-kernels/launch.cuh.
#pragma once

#include <cstddef>
#include <cstring>
#include <type_traits>

#include "emulation/language.h"
#include "emulation/runtime_api.h"

namespace jangle::emulation {

// A kernel with its arguments, as bytes that may be copied; run(closure) is one thread's work.
struct KernelCall {
  const void* closure;
  size_t closure_bytes;
  void (*run)(const void* closure);
  const void* kernel;
};

cudaError_t LaunchKernel(dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
                         const KernelCall& call);

// `body` captures the kernel's address first, then the arguments by value; g++ lays captures out in
// that order, so the address is read from there.
template <typename Body>
cudaError_t Launch(dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
                   const Body& body) {
  static_assert(std::is_trivially_copyable_v<Body>, "kernel arguments are copied as bytes");
  static_assert(alignof(Body) <= 16);
  const void* kernel;
  std::memcpy(&kernel, &body, sizeof kernel);
  return LaunchKernel(
      grid, block, shared_bytes, stream,
      {&body, sizeof body, [](const void* closure) { (*static_cast<const Body*>(closure))(); },
       kernel});
}

}  // namespace jangle::emulation
