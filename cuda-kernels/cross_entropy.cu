// Cross-entropy of rows of n logits against a target each, and its gradient in their place:
//   loss = ln(sum exp(z_j - m)) + m - z_target, m = max z
//   z_j becomes weight * (exp(z_j - m) / sum - (j == target))
//
// One block per row, which goes over the row three times: for the maximum, for the sum, for the
// gradient. Thread t takes the elements 4t..4t+3 of every sweep of 4 * threads: these are added as
// (0 + 1) + (2 + 3), the sweeps in double in ascending order, so that a large vocabulary loses
// nothing, and the threads' sums in the tree of BlockSum. A NaN makes the row's loss and gradient
// NaN. A row without a target has loss 0 and gradient 0.
#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>

#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "ptx/shared.cuh"
#include "reduce.cuh"
#include "row.cuh"
#include "run_training.h"

namespace jangle {
namespace {

constexpr int kThreads = 512;
constexpr int64_t kStep = 4 * kThreads;

struct CrossEntropyShared {
  float largest[kThreads / 32];
  double sums[kThreads / 32];
};

__device__ __forceinline__ float4 Exp(float4 z, float m) {
  return make_float4(expf(z.x - m), expf(z.y - m), expf(z.z - m), expf(z.w - m));
}

// Of all threads' elements.
__device__ __forceinline__ float Largest(CrossEntropyShared& shared, const float* z, int64_t n,
                                         bool aligned) {
  float most = -INFINITY;
  for (int64_t i = 4 * static_cast<int64_t>(threadIdx.x); i < n; i += kStep) {
    const float4 v = Load4(z, i, n, aligned, -INFINITY);
    most = fmaxf(most, fmaxf(fmaxf(v.x, v.y), fmaxf(v.z, v.w)));
  }
  return BlockMax<kThreads>(most, shared.largest);
}

__device__ __forceinline__ double SumOfExp(CrossEntropyShared& shared, const float* z, int64_t n,
                                           bool aligned, float m) {
  double sum = 0;
  for (int64_t i = 4 * static_cast<int64_t>(threadIdx.x); i < n; i += kStep) {
    const float4 e = Exp(Load4(z, i, n, aligned, -INFINITY), m);
    sum += static_cast<double>((e.x + e.y) + (e.z + e.w));
  }
  return BlockSum<kThreads>(sum, shared.sums);
}

__global__ void __launch_bounds__(kThreads)
    CrossEntropyKernel(int64_t n, float* logits, int64_t ldlogits, const int32_t* targets,
                       const float* weights, double* loss) {
  auto& shared = SharedMemory<CrossEntropyShared>();
  const int64_t row = blockIdx.x;
  float* z = logits + row * ldlogits;
  const bool aligned = Aligned16(z);
  const int64_t target = targets[row];
  const int64_t first = 4 * static_cast<int64_t>(threadIdx.x);
  if (target < 0 || target >= n) {
    for (int64_t i = first; i < n; i += kStep) {
      Store4(z, i, n, aligned, make_float4(0, 0, 0, 0));
    }
    if (threadIdx.x == 0) loss[row] = 0;
    return;
  }
  const float target_logit = z[target];
  const float m = Largest(shared, z, n, aligned);
  const double sum = SumOfExp(shared, z, n, aligned, m);
  // All have read the row's target: a barrier lies in the sum.
  const auto weight = static_cast<double>(weights[row]);
  const auto scale = static_cast<float>(weight / sum);
  const double at_target = static_cast<double>(expf(target_logit - m)) / sum - 1;
  for (int64_t i = first; i < n; i += kStep) {
    float4 v = Exp(Load4(z, i, n, aligned, 0), m);
    v = make_float4(v.x * scale, v.y * scale, v.z * scale, v.w * scale);
    Store4(z, i, n, aligned, v);
    if (target >= i && target < i + 4) z[target] = static_cast<float>(weight * at_target);
  }
  if (threadIdx.x == 0) {
    loss[row] = log(sum) + (static_cast<double>(m) - static_cast<double>(target_logit));
  }
}

}  // namespace

int32_t RunCrossEntropy(jg_stream* stream, const CrossEntropyArgs& args) {
  JG_CUDA(Launch(CrossEntropyKernel, dim3(static_cast<unsigned>(args.rows)), dim3(kThreads),
                 sizeof(CrossEntropyShared), stream->stream, args.n, args.logits, args.ldlogits,
                 args.targets, args.weights, args.loss));
  return JG_OK;
}

}  // namespace jangle
