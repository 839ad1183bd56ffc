// The worker pool: every item once, from any number of callers, with workers that spin or sleep.
#include "pool.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "check.h"

using jangle::Pool;

namespace {

void EveryItemOnce(Pool& pool, int64_t items, int64_t min_range) {
  std::vector<int> seen(static_cast<size_t>(items), 0);
  pool.Run(items, min_range, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) seen[static_cast<size_t>(i)]++;
  });
  int wrong = 0;
  for (int count : seen) wrong += count != 1;
  CHECK_EQ(wrong, 0);
}

}  // namespace

TEST(EveryItemIsDoneOnce) {
  for (int threads : {1, 2, 3, 5}) {
    Pool pool(threads);
    CHECK_EQ(pool.threads(), threads);
    for (int64_t items : {0, 1, 2, 3, 7, 8, 9, 100, 1000}) {
      for (int64_t min_range : {1, 3, 50}) EveryItemOnce(pool, items, min_range);
    }
  }
}

TEST(ManyShortJobsInARow) {
  Pool pool(3);
  std::atomic<int64_t> sum{0};
  for (int job = 0; job < 20000; job++) {
    pool.Run(6, 1, [&](int64_t begin, int64_t end) {
      sum.fetch_add(end - begin, std::memory_order_relaxed);
    });
  }
  CHECK_EQ(sum.load(), int64_t{120000});
}

TEST(WorkersThatSleptWakeUp) {
  Pool pool(2);
  for (int job = 0; job < 20; job++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    EveryItemOnce(pool, 64, 1);
  }
}

TEST(SeveralCallersTakeTurns) {
  Pool pool(2);
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; caller++) {
    callers.emplace_back([&] {
      for (int job = 0; job < 500; job++) {
        pool.Run(10, 1, [&](int64_t begin, int64_t end) { sum.fetch_add(end - begin); });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK_EQ(sum.load(), int64_t{4 * 500 * 10});
}

TEST(PlainMemoryIsVisibleToTheNextJob) {
  // Under ThreadSanitizer this finds a missing happens-before between jobs.
  Pool pool(3);
  std::vector<int64_t> values(300, 0);
  for (int job = 0; job < 200; job++) {
    pool.Run(300, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) values[static_cast<size_t>(299 - i)] += i;
    });
    pool.Run(300, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) values[static_cast<size_t>(i)] -= 299 - i;
    });
  }
  for (int64_t value : values) CHECK_EQ(value, int64_t{0});
}
