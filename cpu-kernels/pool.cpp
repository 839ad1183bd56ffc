#include "pool.h"

#include <immintrin.h>

#include <algorithm>

namespace jangle {
namespace {

// About 20 us of pauses on 2-4 GHz cores (a pause is 40-140 cycles): longer than Java needs between
// two calls of a forward pass, shorter than a time slice by far.
constexpr int kSpins = 500;
// Ranges per thread: more than one, so that a thread that lost its core leaves work to the others.
constexpr int64_t kRangesPerThread = 4;

}  // namespace

Pool::Pool(int threads) {
  try {
    for (int i = 1; i < threads; i++) workers_.emplace_back([this] { Work(); });
  } catch (...) {
    stop_.store(true);
    ticket_.fetch_add(uint64_t{1} << 32);
    ticket_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    throw;
  }
}

Pool::~Pool() {
  stop_.store(true);
  ticket_.fetch_add(uint64_t{1} << 32);
  ticket_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

bool Pool::TakeRange() {
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  do {
    if (static_cast<uint32_t>(ticket) == 0) return false;
  } while (!ticket_.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acq_rel,
                                          std::memory_order_acquire));
  const int64_t left = static_cast<uint32_t>(ticket);
  const int64_t range = ranges_ - left;
  body_(fn_, items_ * range / ranges_, items_ * (range + 1) / ranges_);
  if (open_.fetch_sub(1, std::memory_order_acq_rel) == 1) open_.notify_one();
  return true;
}

void Pool::RunShared(int64_t items, int64_t min_range, Body body, const void* fn) {
  const std::lock_guard<std::mutex> turn(turn_);
  const int64_t worthwhile = items / std::max<int64_t>(min_range, 1);
  const int64_t most = kRangesPerThread * threads();
  ranges_ = static_cast<uint32_t>(std::clamp<int64_t>(worthwhile, 1, most));
  items_ = items;
  body_ = body;
  fn_ = fn;
  open_.store(ranges_, std::memory_order_relaxed);
  const uint64_t job = (ticket_.load(std::memory_order_relaxed) >> 32) + 1;
  ticket_.store(job << 32 | ranges_, std::memory_order_release);
  ticket_.notify_all();
  while (TakeRange()) {
  }
  for (int spin = 0; open_.load(std::memory_order_acquire) != 0; spin++) {
    if (spin < kSpins) {
      _mm_pause();
    } else {
      const uint32_t open = open_.load(std::memory_order_acquire);
      if (open != 0) open_.wait(open, std::memory_order_acquire);
    }
  }
}

void Pool::Work() {
  while (!stop_.load(std::memory_order_relaxed)) {
    if (TakeRange()) continue;
    const uint64_t seen = ticket_.load(std::memory_order_acquire);
    if (static_cast<uint32_t>(seen) != 0) continue;
    bool changed = false;
    for (int spin = 0; spin < kSpins && !changed; spin++) {
      _mm_pause();
      changed = ticket_.load(std::memory_order_acquire) != seen;
    }
    if (!changed && !stop_.load()) ticket_.wait(seen, std::memory_order_acquire);
  }
}

}  // namespace jangle
