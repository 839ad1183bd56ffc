// Device memory: allocations side by side in one reserved range of addresses, each between two
// guard zones, filled with 0xff (NaN). Freed addresses are used again as late as possible.

#include <sys/mman.h>

#include <cstring>
#include <iterator>
#include <map>

#include "checks.h"
#include "describe.h"
#include "device.h"
#include "streams.h"

namespace jangle::emulation {
namespace {

constexpr size_t kGuardBytes = 512;  // also the alignment
constexpr size_t kArenaBytes = size_t{16} << 30;
constexpr size_t kDefaultLimit = size_t{4} << 30;
constexpr int kGuardByte = 0xa5;
constexpr int kPoison = 0xff;

size_t RoundUp(size_t bytes) { return (bytes + kGuardBytes - 1) / kGuardBytes * kGuardBytes; }
size_t Limit() { return EnvironmentNumber("JANGLE_EMULATION_MEMORY", kDefaultLimit); }

struct Memory {
  std::map<uintptr_t, size_t> live;   // device allocations: address, bytes
  std::map<uintptr_t, size_t> freed;  // whose addresses have not been used again
  std::map<uintptr_t, size_t> host;   // by cudaHostAlloc
  uintptr_t cursor = 0;               // where the search for room goes on
  size_t used = 0;
};

Memory& TheMemory() {
  static Memory memory;
  return memory;
}

Arena Reserve() {
  for (size_t bytes = kArenaBytes; bytes >= (size_t{1} << 30); bytes /= 2) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) return {reinterpret_cast<uintptr_t>(memory), bytes};
  }
  return {};
}

// The end of an allocation's part of the arena, with its guard zone.
uintptr_t EndOf(const std::pair<const uintptr_t, size_t>& allocation) {
  return allocation.first + RoundUp(allocation.second) + kGuardBytes;
}

// Room for `bytes` with guard zones at or after `from`; 0 if there is none.
uintptr_t FindRoom(const Memory& memory, uintptr_t from, size_t bytes) {
  const Arena& arena = DeviceArena();
  uintptr_t start = from;
  auto next = memory.live.lower_bound(from);
  if (next != memory.live.begin()) start = std::max(start, EndOf(*std::prev(next)));
  for (;; ++next) {
    const uintptr_t limit =
        next == memory.live.end() ? arena.base + arena.bytes : next->first - kGuardBytes;
    if (limit >= start && limit - start >= bytes + 2 * kGuardBytes) return start + kGuardBytes;
    if (next == memory.live.end()) return 0;
    start = EndOf(*next);
  }
}

void ForgetFreed(Memory& memory, uintptr_t address, size_t bytes) {
  auto at = memory.freed.lower_bound(address);
  if (at != memory.freed.begin() && std::prev(at)->first + std::prev(at)->second > address) --at;
  while (at != memory.freed.end() && at->first < address + bytes) at = memory.freed.erase(at);
}

bool GuardIntact(uintptr_t from, uintptr_t to) {
  for (uintptr_t at = from; at < to; at++) {
    if (*reinterpret_cast<const unsigned char*>(at) != kGuardByte) return false;
  }
  return true;
}

bool GuardsIntact(uintptr_t address, size_t bytes) {
  return GuardIntact(address - kGuardBytes, address) &&
         GuardIntact(address + bytes, address + RoundUp(bytes) + kGuardBytes);
}

void ReportGuard(uintptr_t address, size_t bytes) {
  Report(cudaErrorIllegalAddress, "out of bounds",
         Format("bytes beside the device allocation of %zu bytes at %p were overwritten", bytes,
                reinterpret_cast<void*>(address)));
}

cudaError_t Allocate(void** pointer, size_t bytes) {
  if (pointer == nullptr) return cudaErrorInvalidValue;
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  Memory& memory = TheMemory();
  const size_t limit = Limit();
  if (bytes > limit || RoundUp(bytes) > limit - std::min(limit, memory.used)) {
    return cudaErrorMemoryAllocation;
  }
  const Arena& arena = DeviceArena();
  if (memory.cursor == 0) memory.cursor = arena.base;
  uintptr_t address = FindRoom(memory, memory.cursor, RoundUp(bytes));
  if (address == 0) address = FindRoom(memory, arena.base, RoundUp(bytes));
  if (address == 0) return cudaErrorMemoryAllocation;
  ForgetFreed(memory, address - kGuardBytes, RoundUp(bytes) + 2 * kGuardBytes);
  memory.live[address] = bytes;
  memory.cursor = address + RoundUp(bytes) + kGuardBytes;
  memory.used += RoundUp(bytes);
  std::byte* start = reinterpret_cast<std::byte*>(address);
  std::memset(start - kGuardBytes, kGuardByte, kGuardBytes);
  std::memset(start, kPoison, bytes);
  std::memset(start + bytes, kGuardByte, RoundUp(bytes) - bytes + kGuardBytes);
  MarkDevice(start, bytes, DeviceBytes::kAllocated);
  *pointer = start;
  return cudaSuccess;
}

cudaError_t Release(void* pointer) {
  if (pointer == nullptr) return cudaSuccess;
  Memory& memory = TheMemory();
  const auto found = memory.live.find(reinterpret_cast<uintptr_t>(pointer));
  if (found == memory.live.end()) return cudaErrorInvalidValue;
  const auto [address, bytes] = *found;
  if (!GuardsIntact(address, bytes)) ReportGuard(address, bytes);
  MarkDevice(pointer, bytes, DeviceBytes::kNone);
  memory.live.erase(found);
  memory.freed[address] = bytes;
  memory.used -= RoundUp(bytes);
  constexpr uintptr_t kPage = 4096;
  const uintptr_t first = (address + kPage - 1) & ~(kPage - 1);
  const uintptr_t last = (address + bytes) & ~(kPage - 1);
  if (last > first) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  return StickyError();
}

bool Within(const std::map<uintptr_t, size_t>& allocations, const void* address, size_t bytes) {
  const uintptr_t start = reinterpret_cast<uintptr_t>(address);
  auto next = allocations.upper_bound(start);
  if (next == allocations.begin()) return false;
  const auto& [base, size] = *std::prev(next);
  return start - base <= size && bytes <= size - (start - base);
}

}  // namespace

const Arena& DeviceArena() {
  static const Arena arena = Reserve();
  return arena;
}

bool InArena(const void* address) {
  return reinterpret_cast<uintptr_t>(address) - DeviceArena().base < DeviceArena().bytes;
}

bool OnDevice(const void* address, size_t bytes) {
  return Within(TheMemory().live, address, bytes);
}

bool InHostAllocation(const void* address, size_t bytes) {
  return Within(TheMemory().host, address, bytes);
}

std::string DescribeDeviceAddress(uintptr_t address) {
  const Memory& memory = TheMemory();
  const auto describe = [address](const auto& allocation, const char* what) {
    const auto& [base, bytes] = allocation;
    const long long offset = static_cast<long long>(address - base);
    return Format("offset %lld of the %s allocation of %zu bytes at %p", offset, what, bytes,
                  reinterpret_cast<void*>(base));
  };
  const auto freed = memory.freed.upper_bound(address);
  if (freed != memory.freed.begin() &&
      address < std::prev(freed)->first + std::prev(freed)->second) {
    return describe(*std::prev(freed), "freed device");
  }
  const auto next = memory.live.upper_bound(address);
  if (next != memory.live.end() && next->first - address <= kGuardBytes) {
    return describe(*next, "device");
  }
  if (next != memory.live.begin()) return describe(*std::prev(next), "device");
  return Format("%p, where no device allocation is", reinterpret_cast<void*>(address));
}

void CheckGuards() {
  for (const auto& [address, bytes] : TheMemory().live) {
    if (!GuardsIntact(address, bytes)) ReportGuard(address, bytes);
  }
}

}  // namespace jangle::emulation

using namespace jangle::emulation;

cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  const DeviceLock lock;
  if (const cudaError_t error = CallOutsideCapture()) return Return(error);
  return Return(Allocate(pointer, bytes));
}

cudaError_t cudaFree(void* pointer) {
  const DeviceLock lock;
  if (const cudaError_t error = NotWhileCapturing()) return Return(error);
  return Return(Release(pointer));
}

// Streams run at once, so an allocation in stream order is an allocation. Not in a capture, where
// CUDA would make it part of the graph.
cudaError_t cudaMallocAsync(void** pointer, size_t bytes, cudaStream_t) {
  return cudaMalloc(pointer, bytes);
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t) { return cudaFree(pointer); }

cudaError_t cudaHostAlloc(void** pointer, size_t bytes, unsigned) {
  const DeviceLock lock;
  if (const cudaError_t error = CallOutsideCapture()) return Return(error);
  if (pointer == nullptr) return Return(cudaErrorInvalidValue);
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return Return(cudaErrorMemoryAllocation);
  TheMemory().host[reinterpret_cast<uintptr_t>(memory)] = bytes;
  *pointer = memory;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* pointer) {
  const DeviceLock lock;
  if (pointer == nullptr) return cudaSuccess;
  Memory& memory = TheMemory();
  const auto found = memory.host.find(reinterpret_cast<uintptr_t>(pointer));
  if (found == memory.host.end()) return Return(cudaErrorInvalidValue);
  munmap(pointer, found->second);
  memory.host.erase(found);
  return Return(StickyError());
}

cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  const DeviceLock lock;
  if (const cudaError_t error = StickyError()) return Return(error);
  if (free_bytes == nullptr || total_bytes == nullptr) return Return(cudaErrorInvalidValue);
  *total_bytes = Limit();
  *free_bytes = Limit() - std::min(Limit(), TheMemory().used);
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  constexpr int kNoDevice = -2;  // cudaInvalidDeviceId
  const DeviceLock lock;
  if (const cudaError_t error = StickyError()) return Return(error);
  if (attributes == nullptr) return Return(cudaErrorInvalidValue);
  void* address = const_cast<void*>(pointer);
  if (OnDevice(pointer, 1)) {
    *attributes = {cudaMemoryTypeDevice, 0, address, nullptr};
  } else if (InHostAllocation(pointer, 1)) {
    *attributes = {cudaMemoryTypeHost, 0, address, address};
  } else {
    *attributes = {cudaMemoryTypeUnregistered, kNoDevice, nullptr, address};
  }
  return cudaSuccess;
}
