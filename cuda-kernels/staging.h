// Pinned host memory through which the host feeds the device: two blocks that take turns, so that
// one can be filled while the device still copies from the other.
#pragma once

#include <cuda_runtime.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace jangle {

class Staging {
 public:
  // Two blocks of `bytes`. Free() also where this fails.
  int32_t Allocate(size_t bytes);
  // Frees all, whatever becomes of each; the first failure is the result.
  cudaError_t Free();

  size_t bytes() const { return bytes_; }
  // The block whose turn it is, once the device has made the last copy from it.
  int32_t Next(void** block);
  // Copies from that block in stream order, and passes the turn to the other.
  int32_t Copy(void* device, size_t bytes, cudaStream_t stream);

 private:
  struct Block {
    void* memory = nullptr;
    cudaEvent_t copied = nullptr;  // recorded behind the last copy from the block
  };

  std::array<Block, 2> blocks_;
  size_t bytes_ = 0;
  size_t next_ = 0;
};

}  // namespace jangle
