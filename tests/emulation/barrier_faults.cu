// Threads that do not meet: seeded faults of which each must be reported, and their correct twins,
// which must not. Found in every build.

#include "emulation/device.h"
#include "faults.h"
#include "launch.cuh"
#include "ptx/mma.cuh"

namespace jangle::test {
namespace {

using emulation::NamedBarrier;

constexpr uint32_t kAll = 0xffffffffu;

// Threads below `some` pass a barrier that the others do not.
__global__ void BarrierThenWarp(unsigned some) {
  if (threadIdx.x < some) __syncthreads();
  __syncwarp();
}

__global__ void TwoBarriers(unsigned some) {
  if (threadIdx.x < some) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void OneOrTwoBarriers(unsigned some) {
  if (threadIdx.x < some) __syncthreads();
  __syncthreads();
}

// Threads that have returned no longer count.
__global__ void BarrierAfterReturn(unsigned some) {
  if (threadIdx.x >= some) return;
  __syncthreads();
  __syncthreads();
}

__global__ void Named(int id, int first, int second) {
  NamedBarrier(id, threadIdx.x < 32 ? first : second);
}

// Lanes from `live` on return, the others shuffle among the lanes of `mask`.
__global__ void ShuffleAfterReturn(unsigned live, uint32_t mask) {
  if (threadIdx.x % 32 >= live) return;
  __shfl_xor_sync(mask, 1, 1);
}

__global__ void ReadOutsideMask(uint32_t mask, int lane) {
  if ((mask >> (threadIdx.x % 32) & 1u) != 0) __shfl_sync(mask, 1, lane);
}

// Half of the warp votes while the other half shuffles.
__global__ void Mixed(bool mixed) {
  if (mixed && threadIdx.x % 32 < 16) {
    __ballot_sync(kAll, 1);
  } else {
    __shfl_sync(kAll, 1, 0);
  }
}

// Lanes below `some` shuffle or reduce otherwise than the others.
__global__ void MixedShuffles(unsigned some) {
  if (threadIdx.x % 32 < some) {
    __shfl_down_sync(kAll, 1, 1);
  } else {
    __shfl_up_sync(kAll, 1, 1);
  }
}

__global__ void MixedWidths(unsigned some) {
  __shfl_xor_sync(kAll, 1, 1, threadIdx.x % 32 < some ? 16 : 32);
}

__global__ void MixedReductions(unsigned some) {
  if (threadIdx.x % 32 < some) {
    __reduce_add_sync(kAll, 1);
  } else {
    __reduce_max_sync(kAll, 1);
  }
}

// Each half warp by itself, in any order, and then both.
__global__ void Halves() {
  const uint32_t mask = threadIdx.x % 32 < 16 ? 0x0000ffffu : 0xffff0000u;
  __shfl_xor_sync(mask, 1, 1);
  if (threadIdx.x % 32 < 16) __ballot_sync(mask, 1);
  __syncwarp();
}

__global__ void Stranger(uint32_t mask) { __ballot_sync(mask, 1); }

// A product that some lanes do not come to.
__global__ void PartOfWarp(unsigned some) {
  float d[4] = {};
  const uint32_t a[4] = {};
  const uint32_t b[2] = {};
  if (threadIdx.x % 32 < some) MmaBf16(d, a, b);
  __syncwarp();
}

template <typename... Parameters, typename... Arguments>
cudaError_t Run(void (*kernel)(Parameters...), unsigned threads, const Arguments&... arguments) {
  return Launch(kernel, dim3(2), dim3(threads), 0, nullptr, arguments...);
}

}  // namespace

TEST(barrier_divergent_syncthreads) {
  const auto fault = [](void (*kernel)(unsigned), unsigned some) {
    ExpectFault("barrier divergence", cudaErrorLaunchFailure,
                [&] { return Run(kernel, 64, some); });
  };
  for (const unsigned some : {16u, 32u, 33u}) {
    CHECK_CONTEXT("%u threads", some);
    fault(TwoBarriers, some);
    fault(OneOrTwoBarriers, some);
  }
  fault(BarrierThenWarp, 16);
  for (const auto kernel : {BarrierThenWarp, TwoBarriers, OneOrTwoBarriers}) {
    for (const unsigned some : {0u, 64u}) {
      ExpectSilence([&] { return Run(kernel, 64, some); });
    }
  }
}

TEST(barrier_after_return) {
  for (const unsigned some : {0u, 1u, 32u, 50u, 64u}) {
    ExpectSilence([&] { return Run(BarrierAfterReturn, 64, some); });
  }
}

TEST(barrier_named) {
  const auto fault = [](int id, int first, int second) {
    ExpectFault("barrier divergence", cudaErrorLaunchFailure,
                [&] { return Run(Named, 64, id, first, second); });
  };
  fault(1, 64, 32);  // not agreed on the number
  fault(1, 96, 96);  // more than there are
  fault(1, 48, 48);  // no whole warps
  fault(0, 64, 64);
  fault(16, 64, 64);
  ExpectSilence([] { return Run(Named, 64, 1, 64, 64); });
  ExpectSilence([] { return Run(Named, 64, 15, 32, 32); });
}

TEST(barrier_named_not_enough_come) {
  ExpectFault("barrier divergence", cudaErrorLaunchFailure,
              [] { return Run(Named, 96, 1, 64, 64); });
}

TEST(barrier_exited_lane) {
  const auto run = [](unsigned live, uint32_t mask) {
    return Run(ShuffleAfterReturn, 64, live, mask);
  };
  ExpectFault("exited lane", cudaErrorLaunchFailure, [&] { return run(31, kAll); });
  ExpectFault("exited lane", cudaErrorLaunchFailure, [&] { return run(16, 0x1ffffu); });
  ExpectSilence([&] { return run(32, kAll); });
  ExpectSilence([&] { return run(16, 0xffffu); });
  // Lanes that never were.
  ExpectFault("exited lane", cudaErrorLaunchFailure,
              [] { return Run(ShuffleAfterReturn, 48, 32u, kAll); });
}

TEST(barrier_shuffle_outside_mask) {
  ExpectFault("warp divergence", cudaErrorLaunchFailure,
              [] { return Run(ReadOutsideMask, 64, 0xffffu, 16); });
  ExpectSilence([] { return Run(ReadOutsideMask, 64, 0xffffu, 15); });
}

TEST(barrier_mixed_collectives) {
  ExpectFault("warp divergence", cudaErrorLaunchFailure, [] { return Run(Mixed, 64, true); });
  ExpectSilence([] { return Run(Mixed, 64, false); });
  ExpectSilence([] { return Run(Halves, 64); });
}

TEST(barrier_mixed_shuffles_and_reductions) {
  for (const auto kernel : {MixedShuffles, MixedWidths, MixedReductions}) {
    ExpectFault("warp divergence", cudaErrorLaunchFailure, [&] { return Run(kernel, 64, 16u); });
    for (const unsigned some : {0u, 32u}) {
      ExpectSilence([&] { return Run(kernel, 64, some); });
    }
  }
}

TEST(barrier_lane_not_in_mask) {
  ExpectFault("warp divergence", cudaErrorLaunchFailure,
              [] { return Run(Stranger, 64, 0x7fffffffu); });
  ExpectSilence([] { return Run(Stranger, 64, kAll); });
}

TEST(barrier_part_of_a_warp_multiplies) {
  ExpectFault("warp divergence", cudaErrorLaunchFailure, [] { return Run(PartOfWarp, 64, 31u); });
  ExpectSilence([] { return Run(PartOfWarp, 64, 32u); });
  ExpectSilence([] { return Run(PartOfWarp, 64, 0u); });
}

// A launch that failed leaves nothing behind: the next one is as good as new.
TEST(barrier_fault_leaves_nothing_behind) {
  for (int round = 0; round < 3; round++) {
    emulation::ResetReports();
    CHECK_EQ(Run(PartOfWarp, 1024, 31u), cudaErrorLaunchFailure);
    CHECK_EQ(Run(PartOfWarp, 64, 32u), cudaErrorLaunchFailure);
    emulation::ResetReports();
    CHECK_EQ(Run(PartOfWarp, 64, 32u), cudaSuccess);
    CHECK_EQ(Run(BarrierAfterReturn, 1024, 1000u), cudaSuccess);
  }
}

}  // namespace jangle::test
