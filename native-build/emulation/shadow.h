// What the checks know of every byte of device memory and of the running block's shared memory:
// whether it holds something, and its history of accesses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "checks.h"
#include "history.h"

namespace jangle::emulation {

enum class SharedByte : uint8_t { kUnwritten, kWritten, kPending };

// The shadow of the device's arena: address space that is filled with zeros where it is touched.
class DeviceShadow {
 public:
  // False if there is no address space for it.
  bool Reserve(uintptr_t base, size_t bytes);

  uintptr_t base() const { return base_; }
  size_t bytes() const { return bytes_; }
  bool Contains(uintptr_t address) const { return address - base_ < bytes_; }
  DeviceBytes* StateOf(uintptr_t address) { return states_ + (address - base_); }
  Cell& CellOf(uintptr_t address) { return cells_[(address - base_) / kCellBytes]; }
  void Mark(uintptr_t address, size_t bytes, DeviceBytes state);

 private:
  uintptr_t base_ = 0;
  size_t bytes_ = 0;
  DeviceBytes* states_ = nullptr;
  Cell* cells_ = nullptr;
};

struct SharedShadow {
  uintptr_t base = 0;
  size_t bytes = 0;
  std::vector<SharedByte> states;
  std::vector<Cell> cells;

  void BeginBlock(uintptr_t address, size_t shared_bytes);
};

// Whether the address lies in data of the program that cannot be written, such as constant tables.
bool InConstantData(uintptr_t address, size_t bytes);

}  // namespace jangle::emulation
