// A BatchView built by hand from parents, independent of the library's own derivation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "args.h"
#include "random.h"

namespace jangle::test {

inline constexpr int32_t kPage = 64;

struct TestSequence {
  int32_t committed;
  std::vector<int32_t> parents;  // within the sequence
  std::vector<int32_t> pages;
};

class TestBatch {
 public:
  // With `longest_linear` a row's linear part reaches as far as slots equal positions; else it ends
  // with the committed prefix. Both describe the same keys.
  TestBatch(const std::vector<TestSequence>& sequences, bool longest_linear) {
    size_t max_pages = 0;
    for (const TestSequence& s : sequences) max_pages = std::max(max_pages, s.pages.size());
    for (size_t n = 0; n < sequences.size(); n++) {
      const TestSequence& s = sequences[n];
      const auto first = static_cast<int32_t>(token_.size());
      for (size_t i = 0; i < s.parents.size(); i++) {
        // The slots of the row's own path from the end of the committed prefix, by position.
        std::vector<int32_t> path;
        for (auto r = static_cast<int32_t>(i); r >= 0; r = s.parents[static_cast<size_t>(r)]) {
          path.insert(path.begin(), s.committed + r);
        }
        const auto length = static_cast<int32_t>(path.size());
        int32_t plain = 0;
        while (longest_linear && plain < length &&
               path[static_cast<size_t>(plain)] == s.committed + plain) {
          plain++;
        }
        token_.push_back(static_cast<int32_t>(i));
        parent_.push_back(s.parents[i] < 0 ? -1 : first + s.parents[i]);
        sequence_.push_back(static_cast<int32_t>(n));
        position_.push_back(s.committed + length - 1);
        slot_.push_back(s.committed + static_cast<int32_t>(i));
        linear_.push_back(s.committed + plain);
        tail_begin_.push_back(static_cast<int32_t>(tail_slots_.size()));
        tail_slots_.insert(tail_slots_.end(), path.begin() + plain, path.end());
      }
      pages_.insert(pages_.end(), s.pages.begin(), s.pages.end());
      pages_.resize((n + 1) * max_pages, -1);
    }
    view_ = {
        .rows = static_cast<int32_t>(position_.size()),
        .max_pages = static_cast<int32_t>(max_pages),
        .token = token_.data(),
        .sequence = sequence_.data(),
        .parent = parent_.data(),
        .position = position_.data(),
        .slot = slot_.data(),
        .linear = linear_.data(),
        .tail_begin = tail_begin_.data(),
        .tail_slots = tail_slots_.data(),
        .pages = pages_.data(),
        .live = &view_.rows,
    };
  }
  TestBatch(const TestBatch&) = delete;
  TestBatch& operator=(const TestBatch&) = delete;

  const BatchView& view() const { return view_; }
  const int32_t* PageTable(int32_t row) const {
    return view_.pages + static_cast<int64_t>(view_.sequence[row]) * view_.max_pages;
  }
  // The view of `rows` rows from `row` on.
  BatchView Rows(int32_t row, int32_t rows) const {
    BatchView some = view_;
    some.rows = rows;
    some.token += row;
    some.sequence += row;
    some.position += row;
    some.slot += row;
    some.linear += row;
    some.tail_begin += row;
    return some;
  }

 private:
  std::vector<int32_t> token_, sequence_, parent_, position_, slot_, linear_, tail_begin_,
      tail_slots_;
  std::vector<int32_t> pages_;
  BatchView view_;
};

inline std::vector<int32_t> ChainParents(int32_t rows) {
  std::vector<int32_t> parents;
  for (int32_t i = 0; i < rows; i++) parents.push_back(i - 1);
  return parents;
}

// A random tree; a row hangs below one of the few rows before it, or below the prefix.
inline std::vector<int32_t> RandomParents(Random& random, int32_t rows) {
  std::vector<int32_t> parents;
  for (int32_t i = 0; i < rows; i++) {
    const int64_t back = random.Below(6) == 0 ? random.Below(i + 1) : random.Below(4);
    parents.push_back(std::max<int32_t>(-1, i - 1 - static_cast<int32_t>(back)));
  }
  return parents;
}

// Pages for `slots` slots in a shuffled order out of `available`, starting at `base`.
inline std::vector<int32_t> ShuffledPages(Random& random, int32_t slots, int32_t base,
                                          int32_t available) {
  std::vector<int32_t> pages;
  for (int32_t i = 0; i < available; i++) pages.push_back(base + i);
  for (size_t i = pages.size(); i > 1; i--) {
    std::swap(pages[i - 1], pages[static_cast<size_t>(random.Below(static_cast<int64_t>(i)))]);
  }
  pages.resize(static_cast<size_t>((slots + kPage - 1) / kPage));
  return pages;
}

}  // namespace jangle::test
