#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>

#ifdef __SANITIZE_ADDRESS__
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#endif

// System V ABI, x86-64: rbx, rbp and r12-r15 belong to the caller. It ends in a return: the threads
// of a block mostly wait at the same place, so the return predictor, though it knows nothing of
// fibers, is right.
asm(R"(
  .text
  .p2align 4
  .globl JangleEmulationSwitch
  .hidden JangleEmulationSwitch
  .type JangleEmulationSwitch, @function
JangleEmulationSwitch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size JangleEmulationSwitch, .-JangleEmulationSwitch
)");

namespace jangle::emulation {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kStride = kStackBytes + kPage;
constexpr int kSavedRegisters = 6;

}  // namespace

Stacks::~Stacks() {
  if (base_ != nullptr) munmap(base_, kStride * static_cast<size_t>(count_));
}

bool Stacks::Reserve(int count) {
  if (count <= count_) return true;
  if (base_ != nullptr) munmap(base_, kStride * static_cast<size_t>(count_));
  base_ = nullptr;
  count_ = 0;
  void* memory = mmap(nullptr, kStride * static_cast<size_t>(count), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  base_ = static_cast<std::byte*>(memory);
  count_ = count;
  for (int i = 0; i < count; i++) {
    if (mprotect(base_ + kStride * static_cast<size_t>(i), kPage, PROT_NONE) != 0) return false;
  }
  return true;
}

std::byte* Stacks::Low(int index) const {
  return base_ + kStride * static_cast<size_t>(index) + kPage;
}

std::byte* Stacks::High(int index) const {
  return Low(index) + kStackBytes - static_cast<size_t>(index % 13) * 320;
}

Context NewFiber(const Stacks& stacks, int index, void (*entry)()) {
  Context context;
  context.stack_low = stacks.Low(index);
  context.stack_bytes = kStackBytes;
#ifdef __SANITIZE_ADDRESS__
  // The fiber before never returned from its functions.
  __asan_unpoison_memory_region(context.stack_low, context.stack_bytes);
#endif
  // At a function's first instruction the stack pointer is 8 below a multiple of 16.
  const uintptr_t top = reinterpret_cast<uintptr_t>(stacks.High(index)) & ~uintptr_t{15};
  void** sp = reinterpret_cast<void**>(top - 8);
  *--sp = reinterpret_cast<void*>(entry);
  for (int i = 0; i < kSavedRegisters; i++) *--sp = nullptr;
  context.stack_pointer = sp;
  return context;
}

#ifdef __SANITIZE_ADDRESS__

Context ThreadContext() {
  Context context;
  pthread_attr_t attributes;
  void* low = nullptr;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    pthread_attr_getstack(&attributes, &low, &context.stack_bytes);
    pthread_attr_destroy(&attributes);
  }
  context.stack_low = low;
  return context;
}

void StartSwitch(Context& from, const Context& to) {
  __sanitizer_start_switch_fiber(&from.fake_stack, to.stack_low, to.stack_bytes);
}

void FinishSwitch(const Context* to) {
  __sanitizer_finish_switch_fiber(to == nullptr ? nullptr : to->fake_stack, nullptr, nullptr);
}

#else

Context ThreadContext() { return {}; }
void StartSwitch(Context&, const Context&) {}
void FinishSwitch(const Context*) {}

#endif

}  // namespace jangle::emulation
