// Meaning of shuffles, votes, match and reductions, against a loop over the lanes.

#include <cuda_runtime.h>

#include "device_array.h"
#include "launch.cuh"
#include "native/check.h"

namespace jangle::test {
namespace {

constexpr int kLanes = 32;
constexpr uint32_t kAll = 0xffffffffu;

enum class Mode { kIndex, kUp, kDown, kXor };

template <typename T>
__global__ void Shuffles(T* out, Mode mode, int operand, int width) {
  const T value = static_cast<T>(100 + threadIdx.x);
  T result = value;
  switch (mode) {
    case Mode::kIndex:
      result = __shfl_sync(kAll, value, operand, width);
      break;
    case Mode::kUp:
      result = __shfl_up_sync(kAll, value, static_cast<unsigned>(operand), width);
      break;
    case Mode::kDown:
      result = __shfl_down_sync(kAll, value, static_cast<unsigned>(operand), width);
      break;
    case Mode::kXor:
      result = __shfl_xor_sync(kAll, value, operand, width);
      break;
  }
  out[threadIdx.x] = result;
}

// The lane that a shuffle reads, from the definition in the CUDA C++ Programming Guide.
int Source(Mode mode, int lane, int operand, int width) {
  const int start = lane / width * width;
  const int within = lane - start;
  int source = lane;
  switch (mode) {
    case Mode::kIndex:
      return start + operand % width;
    case Mode::kUp:
      return within - operand < 0 ? lane : lane - operand;
    case Mode::kDown:
      return within + operand >= width ? lane : lane + operand;
    case Mode::kXor:
      source = lane ^ operand;  // lower segments may be read, higher ones not
      return source >= start + width ? lane : source;
  }
  return lane;
}

template <typename T>
void CheckShuffles() {
  const DeviceArray<T> out(kLanes);
  for (const Mode mode : {Mode::kIndex, Mode::kUp, Mode::kDown, Mode::kXor}) {
    for (int width = 1; width <= kLanes; width *= 2) {
      for (int operand = 0; operand < kLanes; operand++) {
        CHECK_CONTEXT("mode %d, width %d, operand %d", static_cast<int>(mode), width, operand);
        CHECK_EQ(Launch(Shuffles<T>, dim3(1), dim3(kLanes), 0, nullptr, out.data(), mode, operand,
                        width),
                 cudaSuccess);
        const std::vector<T> found = out.Download();
        for (int lane = 0; lane < kLanes; lane++) {
          CHECK_EQ(found[static_cast<size_t>(lane)],
                   static_cast<T>(100 + Source(mode, lane, operand, width)));
        }
      }
    }
  }
}

// Each lane's predicate is a bit of `bits`; only the lanes of `mask` vote.
__global__ void Votes(uint32_t bits, uint32_t mask, uint32_t* ballot, int* any, int* all) {
  const unsigned lane = threadIdx.x;
  if ((mask >> lane & 1u) == 0) return;
  const int predicate = static_cast<int>(bits >> lane & 1u) * 8;
  ballot[lane] = __ballot_sync(mask, predicate);
  any[lane] = __any_sync(mask, predicate);
  all[lane] = __all_sync(mask, predicate);
}

__global__ void Matches(uint32_t mask, int groups, uint32_t* out) {
  if ((mask >> threadIdx.x & 1u) == 0) return;
  out[threadIdx.x] = __match_any_sync(mask, static_cast<int>(threadIdx.x) % groups - 1);
}

struct Reduced {
  int add, min, max;
  unsigned unsigned_min, unsigned_max;
};

__global__ void Reductions(const int* values, uint32_t mask, Reduced* out) {
  if ((mask >> threadIdx.x & 1u) == 0) return;
  const int value = values[threadIdx.x];
  const unsigned bits = static_cast<unsigned>(value);
  out[threadIdx.x] = {__reduce_add_sync(mask, value), __reduce_min_sync(mask, value),
                      __reduce_max_sync(mask, value), __reduce_min_sync(mask, bits),
                      __reduce_max_sync(mask, bits)};
}

constexpr uint32_t kMasks[] = {kAll, 1u, 0x80000000u, 0x0000ffffu, 0xaaaaaaaau, 0x10010000u};

}  // namespace

TEST(warp_shuffles) {
  CheckShuffles<int>();
  CheckShuffles<float>();
  CheckShuffles<unsigned long long>();
}

TEST(warp_votes) {
  for (const uint32_t mask : kMasks) {
    for (const uint32_t bits : {0u, kAll, 1u, 0x0000ffffu, 0x12345678u}) {
      CHECK_CONTEXT("mask 0x%08x, bits 0x%08x", mask, bits);
      const DeviceArray<uint32_t> ballot(kLanes);
      const DeviceArray<int> any(kLanes);
      const DeviceArray<int> all(kLanes);
      CHECK_EQ(Launch(Votes, dim3(1), dim3(kLanes), 0, nullptr, bits, mask, ballot.data(),
                      any.data(), all.data()),
               cudaSuccess);
      for (size_t lane = 0; lane < kLanes; lane++) {
        if ((mask >> lane & 1u) == 0) continue;
        CHECK_EQ(ballot.Download()[lane], bits & mask);
        CHECK_EQ(any.Download()[lane] != 0, (bits & mask) != 0);
        CHECK_EQ(all.Download()[lane] != 0, (bits & mask) == mask);
      }
    }
  }
}

TEST(warp_matches) {
  for (const uint32_t mask : kMasks) {
    for (const int groups : {1, 3, 32}) {
      CHECK_CONTEXT("mask 0x%08x, %d groups", mask, groups);
      const DeviceArray<uint32_t> out(kLanes);
      CHECK_EQ(Launch(Matches, dim3(1), dim3(kLanes), 0, nullptr, mask, groups, out.data()),
               cudaSuccess);
      const std::vector<uint32_t> found = out.Download();
      for (int lane = 0; lane < kLanes; lane++) {
        if ((mask >> lane & 1u) == 0) continue;
        uint32_t same = 0;
        for (int other = lane % groups; other < kLanes; other += groups) same |= 1u << other;
        CHECK_EQ(found[static_cast<size_t>(lane)], same & mask);
      }
    }
  }
}

TEST(warp_reductions) {
  std::vector<int> values(kLanes);
  for (int lane = 0; lane < kLanes; lane++) {
    values[static_cast<size_t>(lane)] = (lane * 37 % 32 - 16) * 100000000;
  }
  const DeviceArray<int> in(values);
  for (const uint32_t mask : kMasks) {
    CHECK_CONTEXT("mask 0x%08x", mask);
    const DeviceArray<Reduced> out(kLanes);
    CHECK_EQ(Launch(Reductions, dim3(1), dim3(kLanes), 0, nullptr, in.data(), mask, out.data()),
             cudaSuccess);
    unsigned sum = 0;
    Reduced want{0, 0x7fffffff, -0x7fffffff - 1, kAll, 0};
    for (size_t lane = 0; lane < kLanes; lane++) {
      if ((mask >> lane & 1u) == 0) continue;
      sum += static_cast<unsigned>(values[lane]);
      want.min = min(want.min, values[lane]);
      want.max = max(want.max, values[lane]);
      want.unsigned_min = min(want.unsigned_min, static_cast<unsigned>(values[lane]));
      want.unsigned_max = max(want.unsigned_max, static_cast<unsigned>(values[lane]));
    }
    for (size_t lane = 0; lane < kLanes; lane++) {
      if ((mask >> lane & 1u) == 0) continue;
      const Reduced found = out.Download()[lane];
      CHECK_EQ(found.add, static_cast<int>(sum));
      CHECK_EQ(found.min, want.min);
      CHECK_EQ(found.max, want.max);
      CHECK_EQ(found.unsigned_min, want.unsigned_min);
      CHECK_EQ(found.unsigned_max, want.unsigned_max);
    }
  }
}

}  // namespace jangle::test
