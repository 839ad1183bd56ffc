// Which accesses of a launch are ordered: vector clocks, as in FastTrack (Flanagan and Freund,
// PLDI 2009). Every thread counts its steps; a step ends where the thread synchronises. A thread
// knows, of every other thread of its block, up to which step that one's accesses come before its
// own: threads that met in a barrier share one such vector.
//
// Blocks of a launch are not ordered, except by atomics between fences: a read-modify-write after a
// fence passes on what its thread knew at the fence, to every thread that fences after a later
// read-modify-write of the same place (PTX ISA, "Release and Acquire Patterns").
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "emulation/language.h"

namespace jangle::emulation {

// One access: in which block (blocks are numbered as they run), by which thread, in which step.
struct Stamp {
  uint32_t run;
  uint32_t thread;
  uint32_t step;
};

class Clocks {
 public:
  void BeginLaunch(int threads);
  // `run` counts up over the life of the process; the blocks of this launch begin at first_run().
  void BeginBlock(uint3 block);

  uint32_t run() const { return run_; }
  uint32_t first_run() const { return first_run_; }
  uint3 BlockOf(uint32_t run) const { return blocks_[run - first_run_]; }
  uint32_t StepOf(int thread) const { return threads_[static_cast<size_t>(thread)].step; }
  // A number that no other step of any thread of this block has.
  uint32_t StepIdOf(int thread) const { return threads_[static_cast<size_t>(thread)].step_id; }

  // Whether an access comes before whatever `thread` does now.
  bool Ordered(const Stamp& access, int thread) {
    if (access.run < first_run_) return true;
    const Thread& mine = threads_[static_cast<size_t>(thread)];
    if (access.run == run_) {
      if (static_cast<int>(access.thread) == thread) return true;
      if (Known(mine.known)[access.thread] >= access.step) return true;
    }
    return mine.acquired != 0 && Acquired(mine.acquired, access);
  }

  void Join(const int* threads, int count);
  void Fence(int thread, bool whole_device);
  void Atomic(int thread, uintptr_t address, bool shared);

 private:
  // What a thread knew when it fenced.
  struct Snapshot {
    uint32_t known = 0;
    uint32_t acquired = 0;
    uint32_t step = 0;  // 0: none
  };
  struct Thread {
    uint32_t step = 1;
    uint32_t step_id = 0;
    uint32_t known = 0;     // vector: for each thread of the block the last step known
    uint32_t acquired = 0;  // list of what was learnt through atomics; 0 is the empty list
    uint32_t pending = 0;   // list of what the next fence lets it know
    Snapshot device_fence, block_fence;
  };
  struct Release {
    uint32_t run;
    uint32_t thread;
    bool whole_device;
    Snapshot snapshot;
  };
  // The first `count` releases of a place; where a fence of the block let them be known, only those
  // of the block itself.
  struct Learnt {
    uint32_t place;
    uint32_t count;
    bool whole_device;
  };
  struct List {
    std::vector<Learnt> learnt;
    uint64_t question = 0;  // the last that looked at it
  };
  // A list to look at, and the block that holds it.
  struct Held {
    uint32_t list;
    uint32_t run;
  };

  int count_ = 0;
  uint32_t run_ = 0;
  uint32_t first_run_ = 1;
  uint32_t next_step_id_ = 0;
  std::vector<uint3> blocks_;
  std::vector<Thread> threads_;
  std::vector<std::unique_ptr<uint32_t[]>> vectors_;  // [0] is all zeros
  std::vector<uint32_t> references_;
  std::vector<uint32_t> unused_;
  std::deque<std::vector<Release>> places_;
  std::unordered_map<uintptr_t, uint32_t> device_places_, shared_places_;
  std::vector<List> lists_;
  uint64_t questions_ = 0;
  std::vector<Held> to_look_at_;

  const uint32_t* Known(uint32_t vector) const { return vectors_[vector].get(); }
  uint32_t NewVector();
  void Hold(uint32_t vector) { references_[vector]++; }
  void Drop(uint32_t vector);
  void NextStep(Thread& thread);
  bool Acquired(uint32_t list, const Stamp& access);
  uint32_t Union(uint32_t a, uint32_t b);
  uint32_t WithinBlock(uint32_t list);
};

}  // namespace jangle::emulation
