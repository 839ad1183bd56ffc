#include "pinned.h"

namespace jangle {

void PinnedMemory::Add(const void* memory, int64_t bytes) {
  const std::lock_guard lock(mutex_);
  bytes_of_[reinterpret_cast<uintptr_t>(memory)] = bytes;
}

bool PinnedMemory::Remove(const void* memory) {
  const std::lock_guard lock(mutex_);
  return bytes_of_.erase(reinterpret_cast<uintptr_t>(memory)) > 0;
}

bool PinnedMemory::Holds(const void* from, int64_t bytes) const {
  const std::lock_guard lock(mutex_);
  const auto address = reinterpret_cast<uintptr_t>(from);
  auto after = bytes_of_.upper_bound(address);
  if (after == bytes_of_.begin()) return false;
  const auto& [begin, size] = *--after;
  const auto offset = static_cast<int64_t>(address - begin);
  return offset < size && bytes <= size - offset;
}

}  // namespace jangle
