// What g++ calls from code compiled with -fsanitize=thread,alignment: before each access of memory
// that others may see, and where a pointer is not aligned as its type asks. Such code is linked
// with this file instead of the sanitizers' libraries. The names and signatures are GCC's
// (gcc/sanitizer.def; libsanitizer/tsan/tsan_interface.h; libsanitizer/ubsan/ubsan_handlers.h).

#include <cstddef>
#include <cstdint>

#include "checks.h"

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)

using jangle::emulation::MisalignedPointer;
using jangle::emulation::PlainAccess;

#define JANGLE_HOOK extern "C" __attribute__((visibility("hidden")))
#define JANGLE_CODE __builtin_return_address(0)

#define JANGLE_ACCESS(bytes)                                       \
  JANGLE_HOOK void __tsan_read##bytes(void* address) {             \
    PlainAccess(address, bytes, false, (bytes) <= 8, JANGLE_CODE); \
  }                                                                \
  JANGLE_HOOK void __tsan_write##bytes(void* address) {            \
    PlainAccess(address, bytes, true, (bytes) <= 8, JANGLE_CODE);  \
  }                                                                \
  JANGLE_HOOK void __tsan_volatile_read##bytes(void* address) {    \
    PlainAccess(address, bytes, false, (bytes) <= 8, JANGLE_CODE); \
  }                                                                \
  JANGLE_HOOK void __tsan_volatile_write##bytes(void* address) {   \
    PlainAccess(address, bytes, true, (bytes) <= 8, JANGLE_CODE);  \
  }
JANGLE_ACCESS(1)
JANGLE_ACCESS(2)
JANGLE_ACCESS(4)
JANGLE_ACCESS(8)
JANGLE_ACCESS(16)

JANGLE_HOOK void __tsan_read_range(void* address, unsigned long bytes) {
  PlainAccess(address, bytes, false, false, JANGLE_CODE);
}
JANGLE_HOOK void __tsan_write_range(void* address, unsigned long bytes) {
  PlainAccess(address, bytes, true, false, JANGLE_CODE);
}
JANGLE_HOOK void __tsan_vptr_update(void** address, void*) {
  PlainAccess(address, sizeof(void*), true, true, JANGLE_CODE);
}
JANGLE_HOOK void __tsan_init() { jangle::emulation::checked = true; }
JANGLE_HOOK void __tsan_func_entry(void*) {}
JANGLE_HOOK void __tsan_func_exit(void*) {}

// Atomics of C++ occur in host code only; kernels have atomicAdd and its like.
#define JANGLE_ATOMICS(bits, T)                                                                   \
  JANGLE_HOOK T __tsan_atomic##bits##_load(const volatile T* address, int) {                      \
    return __atomic_load_n(address, __ATOMIC_SEQ_CST);                                            \
  }                                                                                               \
  JANGLE_HOOK void __tsan_atomic##bits##_store(volatile T* address, T value, int) {               \
    __atomic_store_n(address, value, __ATOMIC_SEQ_CST);                                           \
  }                                                                                               \
  JANGLE_HOOK T __tsan_atomic##bits##_exchange(volatile T* address, T value, int) {               \
    return __atomic_exchange_n(address, value, __ATOMIC_SEQ_CST);                                 \
  }                                                                                               \
  JANGLE_HOOK T __tsan_atomic##bits##_fetch_add(volatile T* address, T value, int) {              \
    return __atomic_fetch_add(address, value, __ATOMIC_SEQ_CST);                                  \
  }                                                                                               \
  JANGLE_HOOK T __tsan_atomic##bits##_fetch_sub(volatile T* address, T value, int) {              \
    return __atomic_fetch_sub(address, value, __ATOMIC_SEQ_CST);                                  \
  }                                                                                               \
  JANGLE_HOOK T __tsan_atomic##bits##_fetch_or(volatile T* address, T value, int) {               \
    return __atomic_fetch_or(address, value, __ATOMIC_SEQ_CST);                                   \
  }                                                                                               \
  JANGLE_HOOK T __tsan_atomic##bits##_fetch_and(volatile T* address, T value, int) {              \
    return __atomic_fetch_and(address, value, __ATOMIC_SEQ_CST);                                  \
  }                                                                                               \
  JANGLE_HOOK T __tsan_atomic##bits##_fetch_xor(volatile T* address, T value, int) {              \
    return __atomic_fetch_xor(address, value, __ATOMIC_SEQ_CST);                                  \
  }                                                                                               \
  JANGLE_HOOK int __tsan_atomic##bits##_compare_exchange_strong(volatile T* address, T* expected, \
                                                                T value, int, int) {              \
    return __atomic_compare_exchange_n(address, expected, value, false, __ATOMIC_SEQ_CST,         \
                                       __ATOMIC_SEQ_CST);                                         \
  }                                                                                               \
  JANGLE_HOOK int __tsan_atomic##bits##_compare_exchange_weak(volatile T* address, T* expected,   \
                                                              T value, int, int) {                \
    return __atomic_compare_exchange_n(address, expected, value, true, __ATOMIC_SEQ_CST,          \
                                       __ATOMIC_SEQ_CST);                                         \
  }
JANGLE_ATOMICS(8, uint8_t)
JANGLE_ATOMICS(16, uint16_t)
JANGLE_ATOMICS(32, uint32_t)
JANGLE_ATOMICS(64, uint64_t)

JANGLE_HOOK void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
JANGLE_HOOK void __tsan_atomic_signal_fence(int) {}

namespace {

struct TypeMismatch {
  const char* file;
  uint32_t line;
  uint32_t column;
  const void* type;
  unsigned char log_alignment;
  unsigned char kind;
};

}  // namespace

// Also called for null pointers, which the access itself then reports.
JANGLE_HOOK void __ubsan_handle_type_mismatch_v1(const TypeMismatch* data, uintptr_t address) {
  const size_t alignment = size_t{1} << data->log_alignment;
  if (address % alignment == 0) return;
  MisalignedPointer(reinterpret_cast<const void*>(address), alignment, data->file, data->line);
}
JANGLE_HOOK void __ubsan_handle_type_mismatch_v1_abort(const TypeMismatch* data,
                                                       uintptr_t address) {
  __ubsan_handle_type_mismatch_v1(data, address);
}

#endif
