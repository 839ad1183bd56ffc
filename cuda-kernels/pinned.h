// Which host memory is pinned.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

namespace jangle {

// The live memory of jg_host_alloc, which the device reaches by itself. Thread-safe.
class PinnedMemory {
 public:
  void Add(const void* memory, int64_t bytes);
  // Whether it was there.
  bool Remove(const void* memory);
  // Whether the range lies in one allocation.
  bool Holds(const void* from, int64_t bytes) const;

 private:
  mutable std::mutex mutex_;
  std::map<uintptr_t, int64_t> bytes_of_;
};

}  // namespace jangle
