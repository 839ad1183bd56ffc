#include "staging.h"

#include "allocate.h"
#include "check.h"

namespace jangle {

int32_t Staging::Allocate(size_t bytes) {
  for (Block& block : blocks_) {
    if (int32_t status = AllocatePinned(&block.memory, bytes)) return status;
    JG_CUDA(cudaEventCreate(&block.copied));
  }
  bytes_ = bytes;
  return JG_OK;
}

cudaError_t Staging::Free() {
  cudaError_t first = cudaSuccess;
  const auto keep = [&](cudaError_t error) {
    if (first == cudaSuccess) first = error;
  };
  for (Block& block : blocks_) {
    if (block.copied != nullptr) keep(cudaEventDestroy(block.copied));
    if (block.memory != nullptr) keep(cudaFreeHost(block.memory));
    block = {};
  }
  return first;
}

int32_t Staging::Next(void** block) {
  JG_CUDA(cudaEventSynchronize(blocks_[next_].copied));  // at once where none was recorded
  *block = blocks_[next_].memory;
  return JG_OK;
}

int32_t Staging::Copy(void* device, size_t bytes, cudaStream_t stream) {
  const Block& block = blocks_[next_];
  next_ = (next_ + 1) % blocks_.size();
  JG_CUDA(cudaMemcpyAsync(device, block.memory, bytes, cudaMemcpyHostToDevice, stream));
  JG_CUDA(cudaEventRecord(block.copied, stream));
  return JG_OK;
}

}  // namespace jangle
