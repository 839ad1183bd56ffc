// What control groups leave of the memory, read from folders like those of the kernel.
#include "memory_limit.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "check.h"

using jangle::LimitOfGroups;
using jangle::MemoryLimit;

namespace {

class Root {
 public:
  Root() {
    std::string name = std::filesystem::temp_directory_path() / "groupsXXXXXX";
    CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Root() { std::filesystem::remove_all(path_); }
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;

  void Write(const std::string& file, const std::string& text) const {
    const std::filesystem::path path = path_ / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
  }
  MemoryLimit Read() const { return LimitOfGroups(path_.string()); }

 private:
  std::filesystem::path path_;
};

constexpr int64_t kNone = std::numeric_limits<int64_t>::max();

}  // namespace

TEST(limit_of_version_2_counts_pages_of_files_as_free) {
  const Root root;
  root.Write("proc/self/cgroup", "0::/a/b");
  root.Write("sys/fs/cgroup/a/b/memory.max", "1000");
  root.Write("sys/fs/cgroup/a/b/memory.current", "700");
  root.Write("sys/fs/cgroup/a/b/memory.stat", "anon 450\nactive_file 100\ninactive_file 150");
  CHECK_EQ(root.Read().total, 1000);
  CHECK_EQ(root.Read().free, 550);
}

TEST(limit_is_the_narrowest_of_the_groups_above) {
  const Root root;
  root.Write("proc/self/cgroup", "0::/a/b");
  root.Write("sys/fs/cgroup/a/b/memory.max", "max");
  root.Write("sys/fs/cgroup/a/b/memory.current", "700");
  root.Write("sys/fs/cgroup/a/memory.max", "2000");
  root.Write("sys/fs/cgroup/a/memory.current", "1900");
  CHECK_EQ(root.Read().total, 2000);
  CHECK_EQ(root.Read().free, 100);
  root.Write("sys/fs/cgroup/a/b/memory.max", "701");
  CHECK_EQ(root.Read().total, 701);
  CHECK_EQ(root.Read().free, 1);
}

TEST(limit_of_version_1_in_a_container_that_does_not_see_its_path) {
  const Root root;
  root.Write("proc/self/cgroup", "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/docker/x");
  root.Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "5000");
  root.Write("sys/fs/cgroup/memory/memory.usage_in_bytes", "6000");
  root.Write("sys/fs/cgroup/memory/memory.stat",
             "active_file 1\ntotal_active_file 500\ntotal_inactive_file 700");
  CHECK_EQ(root.Read().total, 5000);
  CHECK_EQ(root.Read().free, 200);
  root.Write("sys/fs/cgroup/memory/memory.stat", "total_active_file 0");
  CHECK_EQ(root.Read().free, 0);
}

TEST(limit_that_nobody_has_set_is_none) {
  const Root root;
  CHECK_EQ(root.Read().free, kNone);
  root.Write("proc/self/cgroup", "0::/\nnonsense");
  root.Write("sys/fs/cgroup/memory.stat", "anon 5");
  CHECK_EQ(root.Read().free, kNone);
  CHECK_EQ(root.Read().total, kNone);
}
