// Built-in device functions: barriers, warp collectives, atomics, integer and float intrinsics.
// CUDA C++ Programming Guide, "C++ Language Extensions"; CUDA Math API.
#pragma once

#include <math.h>

#include <bit>
#include <cstdint>

#include "emulation/language.h"

namespace jangle::emulation {

void SyncThreads(const char* file, int line);
void SyncWarp(uint32_t mask, const char* file, int line);

enum class Shuffle { kIndex, kUp, kDown, kXor };
// The value of the source lane; `operand` is a lane, a distance or a lane mask.
uint64_t ShuffleSync(Shuffle mode, uint32_t mask, uint64_t value, uint32_t operand, int width);
uint32_t BallotSync(uint32_t mask, bool predicate);
uint32_t MatchAnySync(uint32_t mask, uint64_t value);

enum class Reduce { kAdd, kMinSigned, kMinUnsigned, kMaxSigned, kMaxUnsigned };
uint32_t ReduceSync(Reduce operation, uint32_t mask, uint32_t value);

enum class Atomic { kAdd, kExchange, kMinSigned, kMinUnsigned, kMaxSigned, kMaxUnsigned };
// Read-modify-write of 4 or 8 bytes; returns the old value.
uint32_t AtomicUpdate(Atomic operation, uint32_t* address, uint32_t value);
uint64_t AtomicUpdate(Atomic operation, uint64_t* address, uint64_t value);
uint32_t AtomicCompareExchange(uint32_t* address, uint32_t expected, uint32_t value);
uint64_t AtomicCompareExchange(uint64_t* address, uint64_t expected, uint64_t value);

void ThreadFence();
void ThreadFenceBlock();

}  // namespace jangle::emulation

// The caller's place tells barriers apart: threads that meet in different calls of __syncthreads
// are a fault.
inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  jangle::emulation::SyncThreads(file, line);
}
inline void __syncwarp(unsigned mask = 0xffffffffu, const char* file = __builtin_FILE(),
                       int line = __builtin_LINE()) {
  jangle::emulation::SyncWarp(mask, file, line);
}
inline void __threadfence() { jangle::emulation::ThreadFence(); }
inline void __threadfence_block() { jangle::emulation::ThreadFenceBlock(); }

#define JANGLE_SHUFFLE(T, Bits)                                                                  \
  inline T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {                       \
    return std::bit_cast<T>(static_cast<Bits>(jangle::emulation::ShuffleSync(                    \
        jangle::emulation::Shuffle::kIndex, mask, std::bit_cast<Bits>(value),                    \
        static_cast<uint32_t>(lane), width)));                                                   \
  }                                                                                              \
  inline T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32) {           \
    return std::bit_cast<T>(static_cast<Bits>(jangle::emulation::ShuffleSync(                    \
        jangle::emulation::Shuffle::kUp, mask, std::bit_cast<Bits>(value), distance, width)));   \
  }                                                                                              \
  inline T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32) {         \
    return std::bit_cast<T>(static_cast<Bits>(jangle::emulation::ShuffleSync(                    \
        jangle::emulation::Shuffle::kDown, mask, std::bit_cast<Bits>(value), distance, width))); \
  }                                                                                              \
  inline T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32) {              \
    return std::bit_cast<T>(static_cast<Bits>(jangle::emulation::ShuffleSync(                    \
        jangle::emulation::Shuffle::kXor, mask, std::bit_cast<Bits>(value),                      \
        static_cast<uint32_t>(lane_mask), width)));                                              \
  }
JANGLE_SHUFFLE(int, uint32_t)
JANGLE_SHUFFLE(unsigned, uint32_t)
JANGLE_SHUFFLE(float, uint32_t)
JANGLE_SHUFFLE(double, uint64_t)
JANGLE_SHUFFLE(long long, uint64_t)
JANGLE_SHUFFLE(unsigned long long, uint64_t)
#undef JANGLE_SHUFFLE

inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return jangle::emulation::BallotSync(mask, predicate != 0);
}
inline int __any_sync(unsigned mask, int predicate) {
  return jangle::emulation::BallotSync(mask, predicate != 0) != 0;
}
inline int __all_sync(unsigned mask, int predicate) {
  return jangle::emulation::BallotSync(mask, predicate == 0) == 0;
}
inline unsigned __match_any_sync(unsigned mask, int value) {
  return jangle::emulation::MatchAnySync(mask, static_cast<uint32_t>(value));
}
inline unsigned __match_any_sync(unsigned mask, unsigned value) {
  return jangle::emulation::MatchAnySync(mask, value);
}
inline unsigned __match_any_sync(unsigned mask, unsigned long long value) {
  return jangle::emulation::MatchAnySync(mask, value);
}

#define JANGLE_REDUCE(name, T, operation)                                                     \
  inline T name(unsigned mask, T value) {                                                     \
    return static_cast<T>(jangle::emulation::ReduceSync(jangle::emulation::Reduce::operation, \
                                                        mask, static_cast<uint32_t>(value))); \
  }
JANGLE_REDUCE(__reduce_add_sync, int, kAdd)
JANGLE_REDUCE(__reduce_add_sync, unsigned, kAdd)
JANGLE_REDUCE(__reduce_min_sync, int, kMinSigned)
JANGLE_REDUCE(__reduce_min_sync, unsigned, kMinUnsigned)
JANGLE_REDUCE(__reduce_max_sync, int, kMaxSigned)
JANGLE_REDUCE(__reduce_max_sync, unsigned, kMaxUnsigned)
#undef JANGLE_REDUCE

#define JANGLE_ATOMIC(name, T, Bits, operation)                                                 \
  inline T name(T* address, T value) {                                                          \
    return static_cast<T>(jangle::emulation::AtomicUpdate(jangle::emulation::Atomic::operation, \
                                                          reinterpret_cast<Bits*>(address),     \
                                                          static_cast<Bits>(value)));           \
  }
#define JANGLE_COMPARE_EXCHANGE(T, Bits)                                                           \
  inline T atomicCAS(T* address, T expected, T value) {                                            \
    return static_cast<T>(jangle::emulation::AtomicCompareExchange(                                \
        reinterpret_cast<Bits*>(address), static_cast<Bits>(expected), static_cast<Bits>(value))); \
  }
JANGLE_ATOMIC(atomicAdd, int, uint32_t, kAdd)
JANGLE_ATOMIC(atomicAdd, unsigned, uint32_t, kAdd)
JANGLE_ATOMIC(atomicAdd, unsigned long long, uint64_t, kAdd)
JANGLE_ATOMIC(atomicExch, int, uint32_t, kExchange)
JANGLE_ATOMIC(atomicExch, unsigned, uint32_t, kExchange)
JANGLE_ATOMIC(atomicExch, unsigned long long, uint64_t, kExchange)
JANGLE_ATOMIC(atomicMin, int, uint32_t, kMinSigned)
JANGLE_ATOMIC(atomicMin, unsigned, uint32_t, kMinUnsigned)
JANGLE_ATOMIC(atomicMin, unsigned long long, uint64_t, kMinUnsigned)
JANGLE_ATOMIC(atomicMax, int, uint32_t, kMaxSigned)
JANGLE_ATOMIC(atomicMax, unsigned, uint32_t, kMaxUnsigned)
JANGLE_ATOMIC(atomicMax, unsigned long long, uint64_t, kMaxUnsigned)
JANGLE_COMPARE_EXCHANGE(int, uint32_t)
JANGLE_COMPARE_EXCHANGE(unsigned, uint32_t)
JANGLE_COMPARE_EXCHANGE(unsigned long long, uint64_t)
#undef JANGLE_COMPARE_EXCHANGE
#undef JANGLE_ATOMIC

template <typename T>
inline T __ldg(const T* address) {
  return *address;
}

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline int __clzll(long long x) {
  return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x));
}
// The position of the lowest set bit, counted from 1; 0 if there is none.
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned __brev(unsigned x) {
  x = ((x >> 1) & 0x55555555u) | ((x & 0x55555555u) << 1);
  x = ((x >> 2) & 0x33333333u) | ((x & 0x33333333u) << 2);
  x = ((x >> 4) & 0x0f0f0f0fu) | ((x & 0x0f0f0f0fu) << 4);
  return __builtin_bswap32(x);
}
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<uint64_t>(a) * b) >> 32);
}
// c plus the products of the four bytes of a and of b.
inline int __dp4a(int a, int b, int c) {
  uint32_t sum = static_cast<uint32_t>(c);
  for (int i = 0; i < 32; i += 8) {
    sum += static_cast<uint32_t>(static_cast<int8_t>(a >> i) * static_cast<int8_t>(b >> i));
  }
  return static_cast<int>(sum);
}
inline unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
  for (int i = 0; i < 32; i += 8) c += ((a >> i) & 0xffu) * ((b >> i) & 0xffu);
  return c;
}
// Byte i of the result is byte (selector >> 4i) & 7 of the eight bytes of y:x; bit 3 of a selector
// spreads that byte's sign.
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const uint64_t bytes = (static_cast<uint64_t>(y) << 32) | x;
  unsigned result = 0;
  for (int i = 0; i < 4; i++) {
    const unsigned choice = (selector >> (4 * i)) & 0xfu;
    unsigned byte = static_cast<unsigned>(bytes >> (8 * (choice & 7u))) & 0xffu;
    if ((choice & 8u) != 0) byte = (byte & 0x80u) != 0 ? 0xffu : 0u;
    result |= byte << (8 * i);
  }
  return result;
}

inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }

inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }

#define JANGLE_MIN_MAX(T)                                    \
  constexpr inline T min(T a, T b) { return b < a ? b : a; } \
  constexpr inline T max(T a, T b) { return a < b ? b : a; }
JANGLE_MIN_MAX(int)
JANGLE_MIN_MAX(unsigned)
JANGLE_MIN_MAX(long)
JANGLE_MIN_MAX(unsigned long)
JANGLE_MIN_MAX(long long)
JANGLE_MIN_MAX(unsigned long long)
#undef JANGLE_MIN_MAX
// As on the GPU, a number wins over NaN.
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
