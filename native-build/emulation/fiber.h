// Fibers: one per CUDA thread, each with a stack of its own, switched by hand without system calls.
#pragma once

#include <cstddef>

namespace jangle::emulation {

inline constexpr size_t kStackBytes = 64 * 1024;

// Stacks for the fibers of one block at a time; they are kept for the next. Each has an
// inaccessible page below it.
class Stacks {
 public:
  Stacks() = default;
  ~Stacks();
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;

  // Makes stacks 0..count-1. False if there is no memory for them.
  bool Reserve(int count);
  // The lowest address of a stack.
  std::byte* Low(int index) const;
  // The address above the first byte to use. Stacks begin at different places in their cache
  // lines' sets: with equal ones, the fibers of a block would evict each other from L1.
  std::byte* High(int index) const;

 private:
  std::byte* base_ = nullptr;
  int count_ = 0;
};

// Where a fiber, or the thread that runs the fibers, goes on.
struct Context {
  void* stack_pointer = nullptr;
  // For AddressSanitizer, which must be told of every switch.
  const void* stack_low = nullptr;
  size_t stack_bytes = 0;
  void* fake_stack = nullptr;
};

// A fiber that will call entry() on stack `index`. entry() begins with FinishSwitch(nullptr) and
// does not return.
Context NewFiber(const Stacks& stacks, int index, void (*entry)());
// The calling thread's own stack.
Context ThreadContext();

void StartSwitch(Context& from, const Context& to);
void FinishSwitch(const Context* to);

// Saves this context's stack pointer and goes on where `to` was saved. Registers that the ABI lets
// a call destroy are not kept.
extern "C" void JangleEmulationSwitch(void** save, void* to);

inline void Switch(Context& from, const Context& to) {
#ifdef __SANITIZE_ADDRESS__
  StartSwitch(from, to);
#endif
  JangleEmulationSwitch(&from.stack_pointer, to.stack_pointer);
#ifdef __SANITIZE_ADDRESS__
  FinishSwitch(&from);
#endif
}

}  // namespace jangle::emulation
