// RMSNorm: y = x / sqrt(mean(x^2) + eps) * weight, over each run of n elements.
//
// One block per (row, group). Thread t takes the elements 4t..4t+3 of every sweep of 4 * threads
// and keeps one sum for each of the four, in ascending order; a thread's sums are added as
// (0 + 1) + (2 + 3), those of the threads in the tree of BlockSum. The block's size depends on n
// alone: one warp for the short runs of QK norms, else 256 threads or 512.
//
// A thread keeps its first elements and their weights in registers; of runs of more than 8192
// elements the rest is read again, from the caches. y may be x: a thread writes only what it alone
// reads after the barrier.
#include <cuda_runtime.h>

#include <cstdint>

#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "ptx/shared.cuh"
#include "reduce.cuh"
#include "row.cuh"
#include "run.h"
#include "unroll.cuh"

namespace jangle {
namespace {

// The longest runs that 32 and 256 threads hold in their registers.
constexpr int kShortRun = 512;
constexpr int kMiddleRun = 4096;
constexpr int kHeld = 4;  // groups of four elements in a thread's registers

template <int kThreads>
struct RmsnormShared {
  float warps[kThreads / 32];
};

// kVector: all pointers are multiples of 16 and n is a multiple of 4.
template <bool kVector>
__device__ __forceinline__ float4 Read4(const float* row, int64_t i, int64_t n) {
  if (i >= n) return make_float4(0, 0, 0, 0);
  return kVector ? *reinterpret_cast<const float4*>(row + i) : Load4(row, i, n, false, 0);
}

template <bool kVector>
__device__ __forceinline__ void WriteScaled(float* y, int64_t i, int64_t n, float4 x, float scale,
                                            float4 weight) {
  if (i >= n) return;
  Store4(y, i, n, kVector,
         make_float4(x.x * scale * weight.x, x.y * scale * weight.y, x.z * scale * weight.z,
                     x.w * scale * weight.w));
}

__device__ __forceinline__ void AddSquares(float4& sum, float4 v) {
  sum.x = fmaf(v.x, v.x, sum.x);
  sum.y = fmaf(v.y, v.y, sum.y);
  sum.z = fmaf(v.z, v.z, sum.z);
  sum.w = fmaf(v.w, v.w, sum.w);
}

template <int kThreads, bool kVector>
__device__ __forceinline__ void Normalise(int64_t n, const float* x, const float* weight, float eps,
                                          float* y) {
  auto& shared = SharedMemory<RmsnormShared<kThreads>>();
  constexpr int64_t kStep = 4 * kThreads;
  const int64_t first = 4 * static_cast<int64_t>(threadIdx.x);
  const int64_t rest = first + kHeld * kStep;
  float4 held[kHeld];
  float4 held_weight[kHeld];
  JG_UNROLL
  for (int j = 0; j < kHeld; j++) held[j] = Read4<kVector>(x, first + j * kStep, n);
  JG_UNROLL
  for (int j = 0; j < kHeld; j++) held_weight[j] = Read4<kVector>(weight, first + j * kStep, n);
  float4 sum = make_float4(0, 0, 0, 0);
  JG_UNROLL
  for (int j = 0; j < kHeld; j++) AddSquares(sum, held[j]);
  JG_NO_UNROLL
  for (int64_t i = rest; i < n; i += kStep) AddSquares(sum, Read4<kVector>(x, i, n));
  const float total = BlockSum<kThreads>((sum.x + sum.y) + (sum.z + sum.w), shared.warps);
  const float scale = 1.0f / sqrtf(total / static_cast<float>(n) + eps);
  JG_UNROLL
  for (int j = 0; j < kHeld; j++) {
    WriteScaled<kVector>(y, first + j * kStep, n, held[j], scale, held_weight[j]);
  }
  JG_NO_UNROLL
  for (int64_t i = rest; i < n; i += kStep) {
    WriteScaled<kVector>(y, i, n, Read4<kVector>(x, i, n), scale, Read4<kVector>(weight, i, n));
  }
}

template <int kThreads>
__global__ void __launch_bounds__(kThreads)
    RmsnormKernel(int64_t n, const float* x, int64_t ldx, const float* weight, float eps, float* y,
                  int64_t ldy) {
  const int64_t row = blockIdx.x;
  const int64_t group = blockIdx.y;
  x += row * ldx + group * n;
  y += row * ldy + group * n;
  if (n % 4 == 0 && Aligned16(x) && Aligned16(y) && Aligned16(weight)) {
    Normalise<kThreads, true>(n, x, weight, eps, y);
  } else {
    Normalise<kThreads, false>(n, x, weight, eps, y);
  }
}

template <int kThreads>
cudaError_t LaunchRmsnorm(cudaStream_t stream, const RmsnormArgs& args) {
  return Launch(RmsnormKernel<kThreads>,
                dim3(static_cast<unsigned>(args.rows), static_cast<unsigned>(args.groups)),
                dim3(kThreads), sizeof(RmsnormShared<kThreads>), stream, args.n, args.x, args.ldx,
                args.weight, args.eps, args.y, args.ldy);
}

}  // namespace

int32_t RunRmsnorm(jg_stream* stream, const RmsnormArgs& args) {
  if (args.n <= kShortRun) {
    JG_CUDA(LaunchRmsnorm<32>(stream->stream, args));
  } else if (args.n <= kMiddleRun) {
    JG_CUDA(LaunchRmsnorm<256>(stream->stream, args));
  } else {
    JG_CUDA(LaunchRmsnorm<512>(stream->stream, args));
  }
  return JG_OK;
}

}  // namespace jangle
