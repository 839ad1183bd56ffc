// Atomics on integers, and fences. CUDA C++ Programming Guide, "Atomic Functions".

#include <algorithm>

#include "block.h"
#include "checks.h"
#include "emulation/intrinsics.h"

namespace jangle::emulation {
namespace {

template <typename Bits, typename Signed>
Bits Update(Atomic operation, Bits old, Bits value) {
  const Signed a = static_cast<Signed>(old);
  const Signed b = static_cast<Signed>(value);
  switch (operation) {
    case Atomic::kAdd:
      return old + value;
    case Atomic::kExchange:
      return value;
    case Atomic::kMinSigned:
      return static_cast<Bits>(std::min(a, b));
    case Atomic::kMaxSigned:
      return static_cast<Bits>(std::max(a, b));
    case Atomic::kMinUnsigned:
      return std::min(old, value);
    case Atomic::kMaxUnsigned:
      return std::max(old, value);
  }
  return old;
}

// Blocks on other threads of the operating system may update the same place.
template <typename Bits, typename Signed>
Bits Apply(Atomic operation, Bits* address, Bits value) {
  const Call call;
  AtomicAccess(call.fiber(), address, sizeof(Bits));
  Bits old = __atomic_load_n(address, __ATOMIC_SEQ_CST);
  while (!__atomic_compare_exchange_n(address, &old, Update<Bits, Signed>(operation, old, value),
                                      true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
  }
  return old;
}

// A thread whose exchange fails may be waiting for another of its block, so that one may run.
template <typename Bits>
Bits CompareExchange(Bits* address, Bits expected, Bits value) {
  const Call call;
  AtomicAccess(call.fiber(), address, sizeof(Bits));
  if (!__atomic_compare_exchange_n(address, &expected, value, false, __ATOMIC_SEQ_CST,
                                   __ATOMIC_SEQ_CST)) {
    call.fiber().block->Yield();
  }
  return expected;
}

}  // namespace

uint32_t AtomicUpdate(Atomic operation, uint32_t* address, uint32_t value) {
  return Apply<uint32_t, int32_t>(operation, address, value);
}
uint64_t AtomicUpdate(Atomic operation, uint64_t* address, uint64_t value) {
  return Apply<uint64_t, int64_t>(operation, address, value);
}
uint32_t AtomicCompareExchange(uint32_t* address, uint32_t expected, uint32_t value) {
  return CompareExchange(address, expected, value);
}
uint64_t AtomicCompareExchange(uint64_t* address, uint64_t expected, uint64_t value) {
  return CompareExchange(address, expected, value);
}

void ThreadFence() {
  const Call call;
  FenceAccesses(call.fiber(), true);
}

void ThreadFenceBlock() {
  const Call call;
  FenceAccesses(call.fiber(), false);
}

}  // namespace jangle::emulation
