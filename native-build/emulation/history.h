// For each four bytes of memory, who wrote them last and who read them since; for each byte where
// accesses were narrower.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "clocks.h"

namespace jangle::emulation {

inline constexpr int kCellBytes = 4;

// All zeros: never accessed. Records of blocks that ran before the launch count for nothing.
struct Cell {
  uint32_t write_run;
  uint32_t write_step;
  uint32_t write_site;  // low half of the address of the code
  uint32_t read_run;
  uint32_t reads;      // set of readers, of block read_run only; of a split cell, its four parts
  uint32_t read_step;  // of the last reader
  uint32_t other_run;  // another block of the launch that read
  uint16_t write_thread;
  uint16_t read_thread;
};
static_assert(sizeof(Cell) == 32);

// Two accesses that are not ordered.
struct Conflict {
  const char* what;  // such as "write"
  Stamp stamp;
  uint32_t site;  // 0: unknown
};

enum class Access { kRead, kWrite, kAtomic };

class History {
 public:
  explicit History(Clocks& clocks) : clocks_(clocks) {}

  // Sets of readers are kept for one block only; so are cells, where `new_cells` says that all are
  // zeros again.
  void BeginBlock(bool new_cells);

  // Records an access to the bytes `mask` (a bit per byte) of a cell. Returns false and the other
  // side if it is not ordered with an earlier one.
  bool Record(Cell& cell, unsigned mask, Access access, int thread, uint32_t site,
              Conflict* conflict);

 private:
  static constexpr uint16_t kThreadMask = 0x3ff;
  static constexpr uint16_t kAtomicWrite = 0x8000;
  static constexpr uint16_t kSplit = 0x4000;

  // A set of readers is a list: one more reader, and the set it was added to. Equal lists are one,
  // since the bytes of an array mostly have the same readers.
  struct Reader {
    uint32_t rest;
    uint32_t thread;
    uint32_t step;
    uint32_t site;
  };

  Clocks& clocks_;
  std::vector<Reader> readers_;                      // [0] is the empty set
  std::unordered_map<uint64_t, uint32_t> added_;     // (set, step id of the reader): new set
  std::unordered_map<uint64_t, uint32_t> interned_;  // (set, thread and step): list with it first
  std::vector<Cell> parts_;                          // four for each split cell
  std::vector<uint32_t> free_parts_;
  uint64_t last_added_key_ = 0;
  uint32_t last_added_ = 0;
  uint64_t last_checked_ = 0;  // a set and a step that comes after all of it

  bool Stale(const Cell& cell) const;
  Cell* Parts(Cell& cell, unsigned mask);
  bool RecordWhole(Cell& cell, Access access, int thread, uint32_t site, Conflict* conflict);
  bool ReadsOrdered(const Cell& cell, int thread, Conflict* conflict);
  void AddReader(Cell& cell, int thread, uint32_t site);
  uint32_t Add(uint32_t set, int thread, uint32_t site);
  uint32_t Intern(uint32_t rest, uint32_t thread, uint32_t step, uint32_t site);
};

}  // namespace jangle::emulation
