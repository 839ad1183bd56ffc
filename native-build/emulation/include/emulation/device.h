// What the PTX wrappers (cuda-kernels/ptx) call in place of assembly.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace jangle::emulation {

// The block's dynamic shared memory, aligned to 128 bytes, filled with 0xff at its start.
__attribute__((const)) void* SharedMemory();

void NamedBarrier(int id, int threads);

// Copies source_bytes (0 or bytes) from global and zeros for the rest; `bytes` is 4, 8 or 16. The
// bytes land when the thread waits for their group.
void CpAsync(void* shared, const void* global, int bytes, int source_bytes);
void CpAsyncCommit();
void CpAsyncWait(int newest);

void Ldmatrix(uint32_t* fragment, int matrices, const void* shared_row, bool transposed);
uint32_t MovmatrixTransposed(uint32_t elements);

// Sums of floats lose what a GPU's do (mma.cpp). Columns of D do not depend on each other.
void MmaBf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
void MmaF16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
void MmaS8(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);

inline float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t magnitude = half & 0x7fffu;
  if (magnitude >= 0x7c00u) {  // infinite or NaN
    return std::bit_cast<float>(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
  }
  // The bits as a float are the value times 2^-112, exact also for subnormals.
  const float value = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
}

// To nearest even; beyond the range infinite.
inline uint16_t FloatToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return 0x7fffu;  // the NaN that cvt gives
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {
    // Subnormal: adding 1/2 puts the half's last bit at the float's last bit, and rounds there.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u;
  return static_cast<uint16_t>(sign | (rounded >> 13));
}

// The nearest value in the range of f16; NaN stays NaN.
inline float WithinHalf(float value) {
  constexpr float kMost = 65504.0f;
  return value > kMost ? kMost : value < -kMost ? -kMost : value;
}

inline uint16_t FloatToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fffu;  // the NaN that cvt gives
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace jangle::emulation
