#include "history.h"

namespace jangle::emulation {
namespace {

uint64_t Key(uint32_t high, uint32_t low) { return (uint64_t{high} << 32) | low; }

}  // namespace

void History::BeginLaunch() {
  readers_.assign(1, {});
  block_reads_.assign(1, {});
}

void History::BeginBlock(bool new_cells) {
  if (new_cells) {
    parts_.clear();
    free_parts_.clear();
    BeginLaunch();
  }
  added_.clear();
  interned_.clear();
  settled_.clear();
  last_added_key_ = 0;
  last_settled_key_ = 0;
  last_checked_ = 0;
  last_checked_earlier_ = 0;
}

bool History::Stale(const Cell& cell) const {
  const uint32_t first = clocks_.first_run();
  return cell.write_run < first && cell.read_run < first;
}

// The four cells of the single bytes of a cell, or null if it is not and need not be split.
Cell* History::Parts(Cell& cell, unsigned mask) {
  const bool whole = mask == 0xf;
  if ((cell.write_thread & kSplit) != 0) {
    Cell* parts = &parts_[cell.reads];
    if (whole && Stale(parts[0]) && Stale(parts[1]) && Stale(parts[2]) && Stale(parts[3])) {
      free_parts_.push_back(cell.reads);
      cell = {};
      return nullptr;
    }
    return parts;
  }
  if (whole) return nullptr;
  uint32_t at;
  if (free_parts_.empty()) {
    at = static_cast<uint32_t>(parts_.size());
    parts_.resize(parts_.size() + kCellBytes);
  } else {
    at = free_parts_.back();
    free_parts_.pop_back();
  }
  Cell* parts = &parts_[at];
  for (int i = 0; i < kCellBytes; i++) parts[i] = cell;
  cell = {};
  cell.write_thread = kSplit;
  cell.reads = at;
  return parts;
}

bool History::Record(Cell& cell, unsigned mask, Access access, int thread, uint32_t site,
                     Conflict* conflict) {
  Cell* parts = Parts(cell, mask);
  if (parts == nullptr) return RecordWhole(cell, access, thread, site, conflict);
  for (int i = 0; i < kCellBytes; i++) {
    if ((mask >> i & 1u) != 0 && !RecordWhole(parts[i], access, thread, site, conflict)) {
      return false;
    }
  }
  return true;
}

bool History::RecordWhole(Cell& cell, Access access, int thread, uint32_t site,
                          Conflict* conflict) {
  const bool atomic_before = (cell.write_thread & kAtomicWrite) != 0;
  const Stamp write{cell.write_run, static_cast<uint32_t>(cell.write_thread & kThreadMask),
                    cell.write_step};
  if (!(atomic_before && access == Access::kAtomic) && !clocks_.Ordered(write, thread)) {
    *conflict = {atomic_before ? "atomic" : "write", write, cell.write_site};
    return false;
  }
  if (access == Access::kRead) {
    AddReader(cell, thread, site);
    return true;
  }
  if (!ReadsOrdered(cell, thread, conflict)) return false;
  cell = {};
  cell.write_run = clocks_.run();
  cell.write_step = clocks_.StepOf(thread);
  cell.write_site = site;
  cell.write_thread = static_cast<uint16_t>(thread);
  if (access == Access::kAtomic) cell.write_thread |= kAtomicWrite;
  return true;
}

bool History::ReadsOrdered(Cell& cell, int thread, Conflict* conflict) {
  if (cell.read_run < clocks_.first_run()) return true;
  Settle(cell);
  const uint64_t earlier_key = Key(cell.earlier_reads, clocks_.StepIdOf(thread));
  if (earlier_key != last_checked_earlier_) {
    for (uint32_t at = cell.earlier_reads; at != 0; at = block_reads_[at].rest) {
      if (!SetOrdered(block_reads_[at].run, block_reads_[at].set, thread, conflict)) return false;
    }
    last_checked_earlier_ = earlier_key;
  }
  const uint64_t key = Key(cell.reads, clocks_.StepIdOf(thread));
  if (key == last_checked_) return true;
  if (!SetOrdered(cell.read_run, cell.reads, thread, conflict)) return false;
  last_checked_ = key;
  return true;
}

bool History::SetOrdered(uint32_t run, uint32_t set, int thread, Conflict* conflict) {
  for (; set != 0; set = readers_[set].rest) {
    const Stamp read{run, readers_[set].thread, readers_[set].step};
    if (!clocks_.Ordered(read, thread)) {
      *conflict = {"read", read, readers_[set].site};
      return false;
    }
  }
  return true;
}

// Makes the running block the one whose readers `reads` holds.
void History::Settle(Cell& cell) {
  if (cell.read_run == clocks_.run()) return;
  if (cell.read_run < clocks_.first_run()) {
    cell.earlier_reads = 0;
  } else {
    const uint64_t key = Key(cell.earlier_reads, cell.reads);
    if (key != last_settled_key_) {
      const auto [found, fresh] = settled_.try_emplace(key, 0u);
      if (fresh) {
        found->second = static_cast<uint32_t>(block_reads_.size());
        block_reads_.push_back({cell.earlier_reads, cell.read_run, cell.reads});
      }
      last_settled_key_ = key;
      last_settled_ = found->second;
    }
    cell.earlier_reads = last_settled_;
  }
  cell.read_run = clocks_.run();
  cell.reads = 0;
}

void History::AddReader(Cell& cell, int thread, uint32_t site) {
  Settle(cell);
  cell.reads = Add(cell.reads, thread, site);
}

// Readers that come before this one need not be kept: what comes after it comes after them.
uint32_t History::Add(uint32_t set, int thread, uint32_t site) {
  const uint64_t key = Key(set, clocks_.StepIdOf(thread));
  if (key == last_added_key_) return last_added_;
  const auto [found, fresh] = added_.try_emplace(key, 0u);
  if (fresh) {
    uint32_t kept = 0;
    bool present = false;
    bool all_kept = true;
    std::vector<Reader> keep;
    for (uint32_t at = set; at != 0; at = readers_[at].rest) {
      const Reader& reader = readers_[at];
      if (static_cast<int>(reader.thread) == thread && reader.step == clocks_.StepOf(thread)) {
        present = true;
      }
      if (clocks_.Ordered({clocks_.run(), reader.thread, reader.step}, thread)) {
        all_kept = false;
      } else {
        keep.push_back(reader);
      }
    }
    if (present) {
      found->second = set;
    } else {
      if (all_kept) {
        kept = set;
      } else {
        for (size_t i = keep.size(); i-- > 0;) {
          kept = Intern(kept, keep[i].thread, keep[i].step, keep[i].site);
        }
      }
      found->second = Intern(kept, static_cast<uint32_t>(thread), clocks_.StepOf(thread), site);
    }
  }
  last_added_key_ = key;
  last_added_ = found->second;
  return last_added_;
}

uint32_t History::Intern(uint32_t rest, uint32_t thread, uint32_t step, uint32_t site) {
  // 10 bits of thread, 22 of step: beyond four million steps two lists might be taken for one.
  const auto [found, fresh] = interned_.try_emplace(Key(rest, step << 10 | thread), 0u);
  if (fresh) {
    found->second = static_cast<uint32_t>(readers_.size());
    readers_.push_back({rest, thread, step, site});
  }
  return found->second;
}

}  // namespace jangle::emulation
