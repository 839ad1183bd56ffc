// What a container, or another control group, leaves its processes of the machine's memory.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace jangle {

// Bytes; the largest number where there is no limit.
struct MemoryLimit {
  int64_t free = std::numeric_limits<int64_t>::max();
  int64_t total = std::numeric_limits<int64_t>::max();
};

// Of this process, by the narrowest of the groups that it is in. `root` stands before the paths
// that are read; it is not empty in tests only.
MemoryLimit LimitOfGroups(const std::string& root = "");

}  // namespace jangle
