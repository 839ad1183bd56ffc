// RMSNorm: y = x / sqrt(mean(x^2) + eps) * weight, over each run of n elements.
//
// One block per (row, group); the order of the sum is that of rmsnorm.cuh.
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
#include "rmsnorm.cuh"
#include "row.cuh"
#include "run.h"
#include "unroll.cuh"

namespace jangle {
namespace {

template <bool kVector>
__device__ __forceinline__ void WriteScaled(float* y, int64_t i, int64_t n, float4 x, float scale,
                                            float4 weight) {
  if (i >= n) return;
  Store4(y, i, n, kVector,
         make_float4(x.x * scale * weight.x, x.y * scale * weight.y, x.z * scale * weight.z,
                     x.w * scale * weight.w));
}

// kVector: all pointers are multiples of 16 and n is a multiple of 4.
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
  const float scale = RmsScale<kThreads, kVector>(n, x, eps, held, shared);
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

}  // namespace

int32_t RunRmsnorm(jg_stream* stream, const RmsnormArgs& args) {
  return WithRmsnormThreads(args.n, [&](auto threads) -> int32_t {
    constexpr int kThreads = decltype(threads)::value;
    JG_CUDA(Launch(RmsnormKernel<kThreads>,
                   dim3(static_cast<unsigned>(args.rows), static_cast<unsigned>(args.groups)),
                   dim3(kThreads), sizeof(RmsnormShared<kThreads>), stream->stream, args.n, args.x,
                   args.ldx, args.weight, args.eps, args.y, args.ldy));
    return JG_OK;
  });
}

}  // namespace jangle
