// Buffers between inaccessible pages, for tests that a kernel touches nothing outside of its
// arguments.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

namespace jangle::test {

// `count` elements that end flush against a guard page; reading or writing one beyond the end
// faults. Another guard page stands before. Everything starts as 0xff bytes: NaN as float, double
// or binary16, -1 as an integer. The bytes between the first guard page and the data keep that
// value as long as nothing writes before the beginning: SlackIntact().
template <typename T>
class GuardedBuffer {
 public:
  explicit GuardedBuffer(size_t count) : count_(count) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t bytes = count * sizeof(T);
    inner_ = (bytes + page - 1) / page * page;
    mapped_ = inner_ + 2 * page;
    void* map = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) throw std::bad_alloc();
    map_ = static_cast<unsigned char*>(map);
    first_ = map_ + page;
    std::memset(first_, 0xff, inner_);
    if (mprotect(map_, page, PROT_NONE) != 0 || mprotect(first_ + inner_, page, PROT_NONE) != 0) {
      throw std::bad_alloc();
    }
    data_ = reinterpret_cast<T*>(first_ + inner_ - bytes);
  }
  explicit GuardedBuffer(const std::vector<T>& from) : GuardedBuffer(from.size()) {
    if (!from.empty()) std::memcpy(data_, from.data(), from.size() * sizeof(T));
  }
  ~GuardedBuffer() { munmap(map_, mapped_); }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return count_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + count_; }
  void Poison() { std::memset(static_cast<void*>(data_), 0xff, count_ * sizeof(T)); }

  bool SlackIntact() const {
    const auto* data = reinterpret_cast<const unsigned char*>(data_);
    for (const unsigned char* p = first_; p < data; p++) {
      if (*p != 0xff) return false;
    }
    return true;
  }

 private:
  size_t count_;
  size_t inner_ = 0;
  size_t mapped_ = 0;
  unsigned char* map_ = nullptr;
  unsigned char* first_ = nullptr;
  T* data_ = nullptr;
};

}  // namespace jangle::test
