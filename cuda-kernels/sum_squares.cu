// sum[0] = the sum of x[i]^2, in double, where the square of a float is exact.
//
// A block takes a chunk of 65,536 elements. Thread t takes the elements 4t..4t+3 of every sweep of
// 4 * threads, and adds them to one sum in ascending order; the threads' sums are added in the tree
// of BlockSum. The chunks' sums lie in scratch; one block adds them: thread t those with
// chunk % threads = t in ascending order, then the tree again.
#include <cuda_runtime.h>

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

constexpr int kThreads = 256;
constexpr int64_t kChunk = 65536;

struct SumSquaresShared {
  double warps[kThreads / 32];
};

int64_t Chunks(int64_t n) { return (n + kChunk - 1) / kChunk; }

__device__ __forceinline__ void AddSquare(double& sum, float x) {
  const auto value = static_cast<double>(x);
  sum = fma(value, value, sum);
}

__global__ void __launch_bounds__(kThreads)
    SumSquaresKernel(int64_t n, const float* x, double* parts) {
  auto& shared = SharedMemory<SumSquaresShared>();
  const bool aligned = Aligned16(x);
  const int64_t begin = blockIdx.x * kChunk;
  const int64_t end = min(n, begin + kChunk);
  double sum = 0;
  for (int64_t i = begin + 4 * static_cast<int64_t>(threadIdx.x); i < end; i += 4 * kThreads) {
    const float4 v = Load4(x, i, end, aligned, 0);
    AddSquare(sum, v.x);
    AddSquare(sum, v.y);
    AddSquare(sum, v.z);
    AddSquare(sum, v.w);
  }
  sum = BlockSum<kThreads>(sum, shared.warps);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kThreads)
    SumSquaresPartsKernel(int64_t chunks, const double* parts, double* sum) {
  auto& shared = SharedMemory<SumSquaresShared>();
  double own = 0;
  for (int64_t i = threadIdx.x; i < chunks; i += kThreads) own += parts[i];
  own = BlockSum<kThreads>(own, shared.warps);
  if (threadIdx.x == 0) *sum = own;
}

}  // namespace

int64_t SumSquaresScratchBytes(jg_context*, int64_t n) {
  return Chunks(n) * static_cast<int64_t>(sizeof(double));
}

int32_t RunSumSquares(jg_stream* stream, const SumSquaresArgs& args) {
  const int64_t chunks = Chunks(args.n);
  auto* parts = static_cast<double*>(args.scratch);
  JG_CUDA(Launch(SumSquaresKernel, dim3(static_cast<unsigned>(chunks)), dim3(kThreads),
                 sizeof(SumSquaresShared), stream->stream, args.n, args.x, parts));
  JG_CUDA(Launch(SumSquaresPartsKernel, dim3(1), dim3(kThreads), sizeof(SumSquaresShared),
                 stream->stream, chunks, parts, args.sum));
  return JG_OK;
}

}  // namespace jangle
