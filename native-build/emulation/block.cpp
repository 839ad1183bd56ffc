#include "block.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstring>
#include <utility>

#include "checks.h"
#include "describe.h"

namespace jangle::emulation {
namespace {

// Written behind the shared memory, and compared at the block's end.
constexpr size_t kGuardBytes = 256;
constexpr int kGuardByte = 0xa5;
constexpr int kPoison = 0xff;

// One word of static thread-local storage, so a library loaded late still finds room for it.
__attribute__((tls_model("initial-exec"))) constinit thread_local Fiber* current = nullptr;

void FiberMain() {
  FinishSwitch(nullptr);
  Fiber& me = *current;
  const KernelCall& call = me.block->grid->call;
  call.run(call.closure);
  me.block->Exit();
}

}  // namespace

uint64_t NextRandom(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

Fiber* Current() { return current; }
uint3 ThreadIdx() { return current->thread_idx; }
uint3 BlockIdx() { return current->block->index; }
dim3 BlockDim() { return current->block->grid->block; }
dim3 GridDim() { return current->block->grid->grid; }
void* SharedMemory() { return current->block->shared; }

void Say(const std::string& text) { current->block->Say(text); }
void Abandon(cudaError_t error, const char* kind) { current->block->Abandon(error, kind); }

Block::Block() {
  void* memory = mmap(nullptr, kMaxSharedBytes + kGuardBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  shared = memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
}

Block::~Block() {
  if (shared != nullptr) munmap(shared, kMaxSharedBytes + kGuardBytes);
}

void Block::Run(const Grid& of, uint3 block_index) {
  grid = &of;
  index = block_index;
  threads = static_cast<int>(of.block.x * of.block.y * of.block.z);
  fault.reset();
  if (shared == nullptr || !stacks_.Reserve(threads)) {
    fault.reset(new Fault{cudaErrorMemoryAllocation, "no memory", "for the fibers of a block"});
    return;
  }
  Start();
  BeginBlock(*this);
  thread_ = ThreadContext();
  if (Fiber* first = Next()) SwitchTo(first, thread_);
  current = nullptr;
  Finish();
}

void Block::Start() {
  std::memset(shared, kPoison, grid->shared_bytes);
  std::memset(GuardEnd(), kGuardByte, kGuardBytes);
  random_ = grid->seed ^ (uint64_t{index.x} << 32) ^ (uint64_t{index.y} << 16) ^ index.z;
  live = threads;
  head_ = 0;
  size_ = 0;
  for (Barrier& barrier : barriers) {
    barrier.expected = 0;
    barrier.arrived.clear();
  }
  const int warp_count = (threads + kWarp - 1) / kWarp;
  if (fibers.size() < static_cast<size_t>(threads)) fibers.resize(static_cast<size_t>(threads));
  if (warps.size() < static_cast<size_t>(warp_count)) {
    warps.resize(static_cast<size_t>(warp_count));
  }
  for (int w = 0; w < warp_count; w++) {
    Warp& warp = warps[static_cast<size_t>(w)];
    const int lanes = threads - w * kWarp;
    warp.live = lanes >= kWarp ? 0xffffffffu : (1u << lanes) - 1;
    warp.open = 0;
    warp.first = &fibers[static_cast<size_t>(w * kWarp)];
  }
  for (int i = threads - 1; i >= 0; i--) {
    Fiber& fiber = fibers[static_cast<size_t>(i)];
    const unsigned linear = static_cast<unsigned>(i);
    fiber.block = this;
    fiber.warp = &warps[static_cast<size_t>(i / kWarp)];
    fiber.thread_idx = {linear % grid->block.x, linear / grid->block.x % grid->block.y,
                        linear / grid->block.x / grid->block.y};
    fiber.index = i;
    fiber.lane = i % kWarp;
    fiber.exited = false;
    fiber.in_runtime = false;
    fiber.copies.clear();
    fiber.groups.clear();
    fiber.open_copies = 0;
    fiber.context = NewFiber(stacks_, i, FiberMain);
    Wake(&fiber);
  }
}

void Block::Finish() {
  if (fault == nullptr && live > 0) {
    fault.reset(new Fault{cudaErrorLaunchFailure, "barrier divergence",
                          "no thread can go on; " + DescribeWaiting(*this)});
  }
  if (fault == nullptr) {
    const std::byte* guard = static_cast<const std::byte*>(GuardEnd());
    for (size_t i = 0; i < kGuardBytes; i++) {
      if (guard[i] != static_cast<std::byte>(kGuardByte)) {
        char text[100];
        std::snprintf(text, sizeof text, "a write at shared+0x%zx, behind the %zu bytes launched",
                      grid->shared_bytes + i, grid->shared_bytes);
        fault.reset(new Fault{cudaErrorIllegalAddress, "out of bounds", text});
        break;
      }
    }
  }
  if (fault != nullptr) fault->text += DescribePlace(*this);
}

Fiber* Block::Next() {
  if (size_ == 0) return nullptr;
  if (grid->seed != 0) {
    const unsigned other = (head_ + static_cast<unsigned>(NextRandom(random_) % size_)) %
                           static_cast<unsigned>(queue_.size());
    std::swap(queue_[head_], queue_[other]);
  }
  Fiber* next = queue_[head_];
  head_ = (head_ + 1) % static_cast<unsigned>(queue_.size());
  size_--;
  return next;
}

void Block::SwitchTo(Fiber* fiber, Context& from) {
  current = fiber;
  Switch(from, fiber->context);
}

void Block::Park() {
  Fiber* me = current;
  Fiber* next = Next();
  if (next == nullptr) {
    Switch(me->context, thread_);
  } else {
    SwitchTo(next, me->context);
  }
}

// The fibers woken last run first, so that a warp goes on while its stacks are in the cache.
void Block::Wake(Fiber* fiber) {
  head_ = (head_ + static_cast<unsigned>(queue_.size()) - 1) % static_cast<unsigned>(queue_.size());
  queue_[head_] = fiber;
  size_++;
  fiber->waiting.what = nullptr;
}

void Block::Yield() {
  Fiber* me = current;
  if (size_ == 0) return;
  queue_[(head_ + size_) % queue_.size()] = me;
  size_++;
  Fiber* next = Next();
  if (next != me) SwitchTo(next, me->context);
}

void Block::Abandon(cudaError_t error, const char* kind) {
  Say(DescribeThread(*current));
  fault.reset(new Fault{error, kind, std::exchange(said_, {})});
  Switch(current->context, thread_);
  __builtin_unreachable();
}

void Block::Exit() {
  Fiber& me = *current;
  me.in_runtime = true;
  CpAsyncThreadExited(me);
  me.exited = true;
  me.warp->live &= ~(1u << me.lane);
  live--;
  WarpThreadExited(me);
  BarrierThreadExited(*this);
  Park();
  __builtin_unreachable();
}

}  // namespace jangle::emulation
