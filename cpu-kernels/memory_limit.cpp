// Both versions of control groups: see cgroups(7), and cgroup-v2.rst and cgroup-v1/memory.rst of
// the kernel's documentation.
#include "memory_limit.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>

namespace jangle {
namespace {

struct Files {
  const char* mount;
  const char* limit;
  const char* usage;
  // Entries of memory.stat: pages of files, which the kernel takes back when it needs memory.
  const char* active_file;
  const char* inactive_file;
};

constexpr Files kVersion1 = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                             "memory.usage_in_bytes", "total_active_file", "total_inactive_file"};
constexpr Files kVersion2 = {"/sys/fs/cgroup", "memory.max", "memory.current", "active_file",
                             "inactive_file"};

// The number that a file holds; none where it does not exist, or says "max".
std::optional<int64_t> Number(const std::string& file) {
  std::ifstream in(file);
  int64_t number = 0;
  return in >> number ? std::optional(number) : std::nullopt;
}

int64_t FilePages(const std::string& folder, const Files& files) {
  std::ifstream in(folder + "/memory.stat");
  int64_t sum = 0;
  std::string name;
  int64_t bytes = 0;
  while (in >> name >> bytes) {
    if (name == files.active_file || name == files.inactive_file) sum += bytes;
  }
  return sum;
}

void Narrow(const std::string& folder, const Files& files, MemoryLimit& limit) {
  const std::optional<int64_t> most = Number(folder + "/" + files.limit);
  const std::optional<int64_t> used = Number(folder + "/" + files.usage);
  if (!most || !used) return;
  const int64_t needed = std::max<int64_t>(0, *used - FilePages(folder, files));
  limit.total = std::min(limit.total, *most);
  limit.free = std::min(limit.free, std::max<int64_t>(0, *most - needed));
}

// The group and all above it. In a container the path may be one that only the host sees; its own
// group then lies at the mount itself.
void NarrowAlong(const std::string& mount, const std::string& path, const Files& files,
                 MemoryLimit& limit) {
  std::string folder = mount;
  folder += path;
  for (;;) {
    Narrow(folder, files, limit);
    if (folder.size() <= mount.size()) return;
    folder.erase(folder.rfind('/'));
  }
}

// Whether a list such as "cpu,memory" has the name.
bool Lists(const std::string& list, const char* name) {
  std::istringstream in(list);
  for (std::string entry; std::getline(in, entry, ',');) {
    if (entry == name) return true;
  }
  return false;
}

}  // namespace

MemoryLimit LimitOfGroups(const std::string& root) {
  MemoryLimit limit;
  // Lines "number:controllers:path"; version 2 has no controllers.
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t controllers = line.find(':') + 1;
    const size_t path = line.find(':', controllers) + 1;
    if (controllers == 0 || path == 0) continue;
    const std::string names = line.substr(controllers, path - 1 - controllers);
    if (names.empty()) {
      NarrowAlong(root + kVersion2.mount, line.substr(path), kVersion2, limit);
    } else if (Lists(names, "memory")) {
      NarrowAlong(root + kVersion1.mount, line.substr(path), kVersion1, limit);
    }
  }
  return limit;
}

}  // namespace jangle
