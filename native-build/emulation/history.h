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
  uint32_t reads;          // set of readers of block read_run; of a split cell, its four parts
  uint32_t earlier_reads;  // list of the sets of the blocks of the launch that read before it
  uint16_t write_thread;
};
static_assert(sizeof(Cell) == 28);

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

  // Sets of readers are kept for one launch, and where `new_cells` says that all cells are zeros
  // again, as those of shared memory are, for one block.
  void BeginLaunch();
  void BeginBlock(bool new_cells);

  // Records an access to the bytes `mask` (a bit per byte) of a cell. Returns false and the other
  // side if it is not ordered with an earlier one.
  bool Record(Cell& cell, unsigned mask, Access access, int thread, uint32_t site,
              Conflict* conflict);

 private:
  static constexpr uint16_t kThreadMask = 0x3ff;
  static constexpr uint16_t kAtomicWrite = 0x8000;
  static constexpr uint16_t kSplit = 0x4000;

  // A set of readers is a list: one more reader, and the set it was added to. Equal lists of a
  // block are one, since the bytes of an array mostly have the same readers.
  struct Reader {
    uint32_t rest;
    uint32_t thread;
    uint32_t step;
    uint32_t site;
  };
  // What blocks that are done have read: the set of one more block, and the list before it.
  struct BlockReads {
    uint32_t rest;
    uint32_t run;
    uint32_t set;
  };

  Clocks& clocks_;
  std::vector<Reader> readers_;                      // [0] is the empty set
  std::vector<BlockReads> block_reads_;              // [0] is the empty list
  std::unordered_map<uint64_t, uint32_t> added_;     // (set, step id of the reader): new set
  std::unordered_map<uint64_t, uint32_t> interned_;  // (set, thread and step): list with it first
  std::unordered_map<uint64_t, uint32_t> settled_;   // (list, set): list with that of its block
  std::vector<Cell> parts_;                          // four for each split cell
  std::vector<uint32_t> free_parts_;
  uint64_t last_added_key_ = 0;
  uint32_t last_added_ = 0;
  uint64_t last_settled_key_ = 0;
  uint32_t last_settled_ = 0;
  uint64_t last_checked_ = 0;          // a set and a step that comes after all of it
  uint64_t last_checked_earlier_ = 0;  // the same of a list of sets

  bool Stale(const Cell& cell) const;
  Cell* Parts(Cell& cell, unsigned mask);
  bool RecordWhole(Cell& cell, Access access, int thread, uint32_t site, Conflict* conflict);
  bool ReadsOrdered(Cell& cell, int thread, Conflict* conflict);
  bool SetOrdered(uint32_t run, uint32_t set, int thread, Conflict* conflict);
  void Settle(Cell& cell);
  void AddReader(Cell& cell, int thread, uint32_t site);
  uint32_t Add(uint32_t set, int thread, uint32_t site);
  uint32_t Intern(uint32_t rest, uint32_t thread, uint32_t step, uint32_t site);
};

}  // namespace jangle::emulation
