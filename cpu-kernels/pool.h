// The worker threads of a context. Run() cuts `items` into ranges and returns when all are done;
// the caller works too. Between calls the workers spin for a few microseconds, since a forward pass
// is a few hundred calls in a row, and then park, since a spinning thread that shares its core with
// another process slows both.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace jangle {

class Pool {
 public:
  // `threads` includes the caller. Throws std::system_error where the system has no more threads.
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls fn(begin, end) over ranges that cover [0, items). `min_range`: a range smaller than this
  // is not worth another thread. Safe to call from several threads; they take turns.
  template <typename Fn>
  void Run(int64_t items, int64_t min_range, const Fn& fn) {
    if (items <= 0) return;
    if (workers_.empty() || items <= min_range) {
      fn(int64_t{0}, items);
      return;
    }
    RunShared(
        items, min_range,
        [](const void* f, int64_t begin, int64_t end) { (*static_cast<const Fn*>(f))(begin, end); },
        &fn);
  }

 private:
  using Body = void (*)(const void* fn, int64_t begin, int64_t end);

  void RunShared(int64_t items, int64_t min_range, Body body, const void* fn);
  void Work();
  bool TakeRange();

  // The job. Written by the caller while `ticket_` has no range left, read by whoever took a range:
  // a job cannot end before all its ranges have.
  Body body_ = nullptr;
  const void* fn_ = nullptr;
  int64_t items_ = 0;
  uint32_t ranges_ = 0;

  // High half: number of the job. Low half: ranges not yet taken. One word, so that a thread that
  // woke late can never take a range of a job that it has not seen.
  alignas(64) std::atomic<uint64_t> ticket_{0};
  alignas(64) std::atomic<uint32_t> open_{0};  // ranges not yet finished
  alignas(64) std::atomic<bool> stop_{false};
  std::mutex turn_;
  std::vector<std::thread> workers_;
};

}  // namespace jangle
