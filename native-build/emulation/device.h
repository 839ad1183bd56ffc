// The pretended device: its state, its errors and its memory. One lock guards all of it; a launch
// holds the lock until the kernel has ended, so streams take turns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "emulation/runtime_api.h"

namespace jangle::emulation {

inline constexpr size_t kDefaultSharedBytes = 48 * 1024;
inline constexpr int kMultiprocessors = 132;

// Held by every function of the runtime API that touches the device.
class DeviceLock {
 public:
  DeviceLock();

 private:
  std::scoped_lock<std::recursive_mutex> lock_;
};

// Remembers an error for cudaGetLastError and returns it.
cudaError_t Return(cudaError_t error);
// The error that a fault left behind, which every later call returns; cudaSuccess if none.
cudaError_t StickyError();
// Records a fault: the first is kept and printed.
void Report(cudaError_t error, const char* kind, const std::string& text);

uint64_t Seed();
// An environment variable as a number; `otherwise` if it is not set or not a number.
size_t EnvironmentNumber(const char* name, size_t otherwise);

// Memory of the device lies in one range of addresses.
struct Arena {
  uintptr_t base = 0;
  size_t bytes = 0;
};
const Arena& DeviceArena();

// Whether the range lies in one live allocation of device memory.
bool OnDevice(const void* address, size_t bytes);
bool InArena(const void* address);
// Whether the range lies in one live allocation made by cudaHostAlloc.
bool InHostAllocation(const void* address, size_t bytes);
// "byte 40 of a device allocation of 32 bytes (0x...)" or what else is there.
std::string DescribeDeviceAddress(uintptr_t address);
// Compares the guard zones of all live allocations with what they should hold.
void CheckGuards();

}  // namespace jangle::emulation
