// Device memory is ordinary memory here, so a copy is a memcpy.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "context.h"
#include "error.h"

using jangle::Fail;

namespace {

// Whole pages straight from the system: zero-filled, aligned to 4096 bytes, and taken from the
// machine only when touched, so that a large cache costs nothing until it is used. One page before
// the memory keeps its size.
int32_t MapZeroed(jg_context* context, int64_t bytes, void** out) {
  const int64_t page = sysconf(_SC_PAGESIZE);
  const int64_t total = (bytes + page - 1) / page * page + page;
  int64_t free_bytes = 0;
  int64_t total_bytes = 0;
  jg_memory_info(context, &free_bytes, &total_bytes);
  void* map = MAP_FAILED;
  // The system promises more than it has; what is larger than the machine is refused here, not by
  // the kernel killing the process later.
  if (total_bytes == 0 || total <= total_bytes) {
    map = mmap(nullptr, static_cast<size_t>(total), PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  if (map == MAP_FAILED) {
    return Fail(JG_OUT_OF_MEMORY, "cannot take %lld bytes of memory; %lld of %lld are free",
                static_cast<long long>(bytes), static_cast<long long>(free_bytes),
                static_cast<long long>(total_bytes));
  }
  *static_cast<int64_t*>(map) = total;
  *out = static_cast<char*>(map) + page;
  madvise(*out, static_cast<size_t>(total - page), MADV_HUGEPAGE);
  return JG_OK;
}

int32_t Unmap(void* memory) {
  if (memory == nullptr) return JG_OK;
  char* map = static_cast<char*>(memory) - sysconf(_SC_PAGESIZE);
  munmap(map, static_cast<size_t>(*reinterpret_cast<int64_t*>(map)));
  return JG_OK;
}

int32_t Copy(const char* name, jg_stream* stream, void* to, const void* from, int64_t bytes) {
  JG_REQUIRE(stream != nullptr, "%s: stream is null", name);
  JG_REQUIRE(bytes >= 0, "%s: %lld bytes", name, static_cast<long long>(bytes));
  JG_REQUIRE(bytes == 0 || (to != nullptr && from != nullptr), "%s: null pointer", name);
  return stream->Submit([=] {
    if (bytes > 0) std::memmove(to, from, static_cast<size_t>(bytes));
  });
}

}  // namespace

extern "C" {

int32_t jg_buffer_alloc(jg_context* context, int64_t bytes, void** buffer) {
  JG_REQUIRE(context != nullptr && buffer != nullptr, "jg_buffer_alloc: null argument");
  JG_REQUIRE(bytes > 0 && bytes < (int64_t{1} << 48), "jg_buffer_alloc: %lld bytes",
             static_cast<long long>(bytes));
  return MapZeroed(context, bytes, buffer);
}

int32_t jg_buffer_free(jg_context* context, void* buffer) {
  JG_REQUIRE(context != nullptr, "jg_buffer_free: context is null");
  return Unmap(buffer);
}

int32_t jg_buffer_check(jg_context* context, const void* memory, int64_t) {
  JG_REQUIRE(context != nullptr && memory != nullptr, "jg_buffer_check: null argument");
  return Fail(JG_UNSUPPORTED, "jg_buffer_check: the CPU takes no memory of other libraries");
}

int32_t jg_host_alloc(jg_context* context, int64_t bytes, void** memory) {
  JG_REQUIRE(context != nullptr && memory != nullptr, "jg_host_alloc: null argument");
  JG_REQUIRE(bytes > 0 && bytes < (int64_t{1} << 48), "jg_host_alloc: %lld bytes",
             static_cast<long long>(bytes));
  return MapZeroed(context, bytes, memory);
}

int32_t jg_host_free(jg_context* context, void* memory) {
  JG_REQUIRE(context != nullptr, "jg_host_free: context is null");
  return Unmap(memory);
}

int32_t jg_copy_to_device(jg_stream* stream, void* device, const void* host, int64_t bytes) {
  return Copy("jg_copy_to_device", stream, device, host, bytes);
}

int32_t jg_copy_to_host(jg_stream* stream, void* host, const void* device, int64_t bytes) {
  return Copy("jg_copy_to_host", stream, host, device, bytes);
}

int32_t jg_copy(jg_stream* stream, void* to, const void* from, int64_t bytes) {
  return Copy("jg_copy", stream, to, from, bytes);
}

}  // extern "C"
