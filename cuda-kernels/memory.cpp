// Device memory, pinned host memory, and copies in stream order.
//
// Of pageable memory the documentation of cudaMemcpyAsync says since CUDA 12 only that the call
// "might be synchronous": where the GPU can read such memory by itself, it may do so later. So what
// comes from memory that is not of jg_host_alloc goes through pinned memory of the stream's own,
// and the caller's is free again when the call returns.
#include <algorithm>
#include <cstring>

#include "allocate.h"
#include "check.h"
#include "context.h"

using jangle::Guard;

namespace {

constexpr int64_t kMostBytes = int64_t{1} << 48;
constexpr uintptr_t kAlignment = 256;  // of cudaMalloc

int32_t Check(const char* name, jg_stream* stream, const void* to, const void* from,
              int64_t bytes) {
  JG_REQUIRE(stream != nullptr, "%s: stream is null", name);
  JG_REQUIRE(bytes >= 0, "%s: %lld bytes", name, static_cast<long long>(bytes));
  JG_REQUIRE(bytes == 0 || (to != nullptr && from != nullptr), "%s: null pointer", name);
  return JG_OK;
}

// A recorded copy reaches for the host's memory at every launch.
int32_t CheckRecordable(const char* name, jg_stream* stream, const void* host, int64_t bytes) {
  JG_REQUIRE(!stream->recording || bytes == 0 || stream->context->pinned.Holds(host, bytes),
             "%s: only host memory of jg_host_alloc can be copied while the stream is recording",
             name);
  return JG_OK;
}

int32_t CopyStaged(jg_stream* stream, void* device, const void* host, int64_t bytes) {
  const auto room = static_cast<int64_t>(stream->staging.bytes());
  for (int64_t done = 0; done < bytes; done += room) {
    const auto part = static_cast<size_t>(std::min(room, bytes - done));
    void* block = nullptr;
    if (int32_t status = stream->staging.Next(&block)) return status;
    std::memcpy(block, static_cast<const char*>(host) + done, part);
    if (int32_t status =
            stream->staging.Copy(static_cast<char*>(device) + done, part, stream->stream)) {
      return status;
    }
  }
  return JG_OK;
}

}  // namespace

extern "C" {

int32_t jg_buffer_alloc(jg_context* context, int64_t bytes, void** buffer) {
  JG_REQUIRE(context != nullptr && buffer != nullptr, "jg_buffer_alloc: null argument");
  JG_REQUIRE(bytes > 0 && bytes < kMostBytes, "jg_buffer_alloc: %lld bytes",
             static_cast<long long>(bytes));
  void* taken = nullptr;
  if (int32_t status = jangle::AllocateDevice(&taken, static_cast<size_t>(bytes))) return status;
  // Other streams do not wait for the context's: so wait here.
  cudaError_t zeroed = cudaMemsetAsync(taken, 0, static_cast<size_t>(bytes), context->stream);
  if (zeroed == cudaSuccess) zeroed = cudaStreamSynchronize(context->stream);
  if (zeroed != cudaSuccess) {
    cudaFree(taken);
    return jangle::CudaFail(zeroed, "cudaMemsetAsync");
  }
  *buffer = taken;
  return JG_OK;
}

int32_t jg_buffer_free(jg_context* context, void* buffer) {
  JG_REQUIRE(context != nullptr, "jg_buffer_free: context is null");
  JG_CUDA(cudaFree(buffer));
  return JG_OK;
}

// CUDA tells of an address what memory it lies in, not how much of it there is; so both ends.
int32_t jg_buffer_check(jg_context* context, const void* memory, int64_t bytes) {
  JG_REQUIRE(context != nullptr && memory != nullptr, "jg_buffer_check: null argument");
  JG_REQUIRE(bytes > 0 && bytes < kMostBytes, "jg_buffer_check: %lld bytes",
             static_cast<long long>(bytes));
  const auto first = reinterpret_cast<uintptr_t>(memory);
  JG_REQUIRE(first % kAlignment == 0,
             "jg_buffer_check: %p is not aligned to %d bytes, as the memory of cudaMalloc is",
             memory, static_cast<int>(kAlignment));
  for (const int64_t at : {int64_t{0}, bytes - 1}) {
    cudaPointerAttributes attributes;
    JG_CUDA(cudaPointerGetAttributes(&attributes,
                                     reinterpret_cast<void*>(first + static_cast<uintptr_t>(at))));
    JG_REQUIRE(attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged,
               "jg_buffer_check: byte %lld of %lld at %p is not in memory of a GPU",
               static_cast<long long>(at), static_cast<long long>(bytes), memory);
    JG_REQUIRE(attributes.device == context->device,
               "jg_buffer_check: the memory is of GPU %d; this context is on GPU %d",
               attributes.device, context->device);
  }
  return JG_OK;
}

int32_t jg_host_alloc(jg_context* context, int64_t bytes, void** memory) {
  return Guard([&] {
    JG_REQUIRE(context != nullptr && memory != nullptr, "jg_host_alloc: null argument");
    JG_REQUIRE(bytes > 0 && bytes < kMostBytes, "jg_host_alloc: %lld bytes",
               static_cast<long long>(bytes));
    void* taken = nullptr;
    if (int32_t status = jangle::AllocatePinned(&taken, static_cast<size_t>(bytes))) return status;
    std::memset(taken, 0, static_cast<size_t>(bytes));
    context->pinned.Add(taken, bytes);
    *memory = taken;
    return JG_OK;
  });
}

int32_t jg_host_free(jg_context* context, void* memory) {
  JG_REQUIRE(context != nullptr, "jg_host_free: context is null");
  if (memory == nullptr) return JG_OK;
  JG_REQUIRE(context->pinned.Remove(memory), "jg_host_free: %p is not memory of jg_host_alloc",
             memory);
  JG_CUDA(cudaFreeHost(memory));
  return JG_OK;
}

int32_t jg_copy_to_device(jg_stream* stream, void* device, const void* host, int64_t bytes) {
  const char* name = "jg_copy_to_device";
  if (int32_t status = Check(name, stream, device, host, bytes)) return status;
  if (int32_t status = CheckRecordable(name, stream, host, bytes)) return status;
  if (!stream->context->pinned.Holds(host, bytes)) return CopyStaged(stream, device, host, bytes);
  JG_CUDA(cudaMemcpyAsync(device, host, static_cast<size_t>(bytes), cudaMemcpyHostToDevice,
                          stream->stream));
  return JG_OK;
}

int32_t jg_copy_to_host(jg_stream* stream, void* host, const void* device, int64_t bytes) {
  const char* name = "jg_copy_to_host";
  if (int32_t status = Check(name, stream, host, device, bytes)) return status;
  if (int32_t status = CheckRecordable(name, stream, host, bytes)) return status;
  if (bytes == 0) return JG_OK;
  JG_CUDA(cudaMemcpyAsync(host, device, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost,
                          stream->stream));
  return JG_OK;
}

int32_t jg_copy(jg_stream* stream, void* to, const void* from, int64_t bytes) {
  if (int32_t status = Check("jg_copy", stream, to, from, bytes)) return status;
  if (bytes == 0) return JG_OK;
  JG_CUDA(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToDevice,
                          stream->stream));
  return JG_OK;
}

}  // extern "C"
