// A block while it runs: its fibers, the scheduler, and where fibers wait for each other. A block
// runs wholly on one thread of the operating system, so nothing here is shared between threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "emulation/launch.h"
#include "fiber.h"

namespace jangle::emulation {

inline constexpr int kWarp = 32;
inline constexpr int kMaxThreads = 1024;
inline constexpr int kBarriers = 16;
inline constexpr size_t kMaxSharedBytes = 227 * 1024;

struct Block;
struct Warp;
struct Fiber;

// Computes a warp collective once all lanes of `mask` have come; lanes[i] is what lane i passed.
using Collective = void (*)(void* const* lanes, uint32_t mask);

// What a thread waits for, for the report of a block that cannot go on.
struct Waiting {
  const char* what = nullptr;  // null: not waiting
  uint32_t detail = 0;         // mask or barrier
  const char* file = nullptr;
  int line = 0;
};

// A copy by cp.async that has not landed. The bytes were read when it was issued.
struct PendingCopy {
  alignas(16) std::byte bytes[16];
  void* to;
  const void* from;
  int count;
  int source_count;
};

struct Fiber {
  Context context;
  Block* block;
  Warp* warp;
  uint3 thread_idx;
  int index;  // in the block
  int lane;
  bool exited;
  bool in_runtime;
  Waiting waiting;
  std::vector<PendingCopy> copies;  // oldest first
  std::vector<size_t> groups;       // for each closed group not landed, how many copies it has
  size_t open_copies;               // copies of the group not closed yet
};

// Lanes that wait in the same collective with the same mask.
struct Rendezvous {
  uint32_t mask;
  uint32_t arrived;
  Collective compute;
  const char* what;
};

struct Warp {
  uint32_t live;  // lanes that exist and have not exited
  int open;       // entries of `rendezvous` in use
  Fiber* first;
  std::array<Rendezvous, kWarp> rendezvous;
  std::array<void*, kWarp> lanes;
};

struct Barrier {
  int expected;  // 0: nobody waits
  const char* file;
  int line;
  std::vector<Fiber*> arrived;
};

// Why a launch failed. `kind` is the first words of the report.
struct Fault {
  cudaError_t error;
  const char* kind;
  std::string text;
};

// One launch, as its blocks see it.
struct Grid {
  dim3 grid;
  dim3 block;
  size_t shared_bytes;
  KernelCall call;
  uint64_t seed;
};

struct Block {
  const Grid* grid = nullptr;
  uint3 index{};
  int threads = 0;
  int live = 0;
  std::byte* shared = nullptr;
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  std::array<Barrier, kBarriers> barriers;
  std::unique_ptr<Fault> fault;

  Block();
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // Runs block `index` of the grid to its end; afterwards `fault` says what went wrong, if
  // anything.
  void Run(const Grid& of, uint3 block_index);

  // The rest is called by fibers.
  // Lets other fibers run until Wake(me).
  void Park();
  void Wake(Fiber* fiber);
  // Lets all other runnable fibers run first.
  void Yield();
  // Adds to the text of the fault that Abandon then reports.
  void Say(const std::string& text) { said_ += text; }
  // Ends the block. The fiber is left as it is, so nothing on its stack may own memory.
  [[noreturn]] void Abandon(cudaError_t error, const char* kind);
  [[noreturn]] void Exit();

 private:
  Stacks stacks_;
  Context thread_;                               // goes on when no fiber can
  std::array<Fiber*, 2 * kMaxThreads> queue_{};  // ring of runnable fibers
  unsigned head_ = 0;
  unsigned size_ = 0;
  uint64_t random_ = 0;
  std::string said_;

  void Start();
  void Finish();
  Fiber* Next();
  void SwitchTo(Fiber* fiber, Context& from);
  void* GuardEnd() const { return shared + grid->shared_bytes; }
};

// The fiber that runs on this thread; null outside of kernels.
Fiber* Current();

// A kernel's call of a function of the emulation. While it lasts, accesses of the fiber are not
// checked: the linker may let the emulation use the instrumented copy of a template function, such
// as std::vector's, that the kernels' files have in common with it.
class Call {
 public:
  Call() : fiber_(*Current()) { fiber_.in_runtime = true; }
  ~Call() { fiber_.in_runtime = false; }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  Fiber& fiber() const { return fiber_; }

 private:
  Fiber& fiber_;
};

// The running block's.
void Say(const std::string& text);
[[noreturn]] void Abandon(cudaError_t error, const char* kind);

// Threads that exit no longer count for __syncthreads, and must not be missed by a collective.
void BarrierThreadExited(Block& block);
void WarpThreadExited(Fiber& fiber);
void CpAsyncThreadExited(Fiber& fiber);
// Has all lanes of the mask come here? Then computes and wakes them; else waits for that.
void Meet(Fiber& fiber, uint32_t mask, Collective compute, void* operands, const char* what,
          const char* file = nullptr, int line = 0);

// The next number of a sequence that looks random (splitmix64).
uint64_t NextRandom(uint64_t& state);

}  // namespace jangle::emulation
