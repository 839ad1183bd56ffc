// Gradients of RMSNorm, y = x r w with r = 1 / sqrt(mean(x^2) + eps), over each run of n elements:
//   dx = r (w dy - x c), c = r^2 / n * sum(w dy x)
//   dw += sum over runs of dy x r
//
// dx: one block per (row, group), which also keeps its r in scratch. Thread t takes the elements
// 4t..4t+3 of every sweep of 4 * threads, and keeps one sum for each of the four, in ascending
// order; a thread's sums are added as (0 + 1) + (2 + 3), those of the threads in the tree of
// BlockSum. The block's size depends on n alone.
// dw: a warp adds 32 runs in ascending order, into a sum of their own for each of 128 columns (fma
// from 0), which goes to scratch. A second kernel adds these sums, 8 threads a column: thread j
// those with index % 8 = j in ascending order; then the eight in ascending order to dw.
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

constexpr int kShortRun = 512;  // elements, the longest that one warp takes
constexpr int64_t kRunsPerSum = 32;
constexpr int kSumThreads = 128;  // four warps with a sum each
constexpr int kColumns = 32;      // of a block that adds the sums
constexpr int kShares = 8;        // threads per column there

template <int kThreads>
struct RunShared {
  float squares[kThreads / 32];
  float dots[kThreads / 32];
};

struct WeightShared {
  float sums[kShares][kColumns];
};

int64_t Runs(const RmsnormBackwardArgs& args) { return args.rows * args.groups; }
int64_t Sums(int64_t runs) { return (runs + kRunsPerSum - 1) / kRunsPerSum; }

// Where the run's r and the sums of runs lie in scratch: [runs up to a multiple of 4], [sums][n].
int64_t SumsOffset(int64_t runs) { return (runs + 3) / 4 * 4; }

// There are less than 2^31 runs.
__device__ __forceinline__ int64_t RunOffset(int64_t run, int64_t groups, int64_t n, int64_t ld) {
  const auto at = static_cast<uint32_t>(run);
  const auto per_row = static_cast<uint32_t>(groups);
  return at / per_row * ld + at % per_row * n;
}

__device__ __forceinline__ float4 Product(float4 a, float4 b) {
  return make_float4(a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w);
}

__device__ __forceinline__ void AddProducts(float4& sum, float4 a, float4 b) {
  sum.x = fmaf(a.x, b.x, sum.x);
  sum.y = fmaf(a.y, b.y, sum.y);
  sum.z = fmaf(a.z, b.z, sum.z);
  sum.w = fmaf(a.w, b.w, sum.w);
}

template <int kThreads>
__device__ __forceinline__ float Total(float4 sum, float (&shared)[kThreads / 32]) {
  return BlockSum<kThreads>((sum.x + sum.y) + (sum.z + sum.w), shared);
}

// Grid: row, group.
template <int kThreads>
__global__ void __launch_bounds__(kThreads) RmsnormBackwardKernel(RmsnormBackwardArgs args) {
  auto& shared = SharedMemory<RunShared<kThreads>>();
  const int64_t row = blockIdx.x;
  const int64_t group = blockIdx.y;
  const int64_t n = args.n;
  const float* x = args.x + row * args.ldx + group * n;
  const float* dy = args.dy + row * args.lddy + group * n;
  float* dx = args.dx + row * args.lddx + group * n;
  const float* w = args.weight;
  const bool x_aligned = Aligned16(x);
  const bool dy_aligned = Aligned16(dy);
  const bool dx_aligned = Aligned16(dx);
  const bool w_aligned = Aligned16(w);
  constexpr int64_t kStep = 4 * kThreads;
  const int64_t first = 4 * static_cast<int64_t>(threadIdx.x);

  float4 squares = make_float4(0, 0, 0, 0);
  float4 dots = make_float4(0, 0, 0, 0);
  for (int64_t i = first; i < n; i += kStep) {
    const float4 x4 = Load4(x, i, n, x_aligned, 0);
    AddProducts(squares, x4, x4);
    AddProducts(dots, Product(Load4(w, i, n, w_aligned, 0), Load4(dy, i, n, dy_aligned, 0)), x4);
  }
  const auto length = static_cast<float>(n);
  const float mean = Total<kThreads>(squares, shared.squares) / length;
  const float dot = Total<kThreads>(dots, shared.dots);
  const float r = 1.0f / sqrtf(mean + args.eps);
  const float c = r * r * dot / length;
  for (int64_t i = first; i < n; i += kStep) {
    const float4 x4 = Load4(x, i, n, x_aligned, 0);
    float4 d = Product(Load4(w, i, n, w_aligned, 0), Load4(dy, i, n, dy_aligned, 0));
    AddProducts(d, x4, make_float4(-c, -c, -c, -c));
    const float4 scale = make_float4(r, r, r, r);
    float4 result = args.accumulate ? Load4(dx, i, n, dx_aligned, 0) : Product(scale, d);
    if (args.accumulate) AddProducts(result, scale, d);
    Store4(dx, i, n, dx_aligned, result);
  }
  if (threadIdx.x == 0) static_cast<float*>(args.scratch)[row * args.groups + group] = r;
}

// Grid: four sums of runs, 128 columns.
__global__ void __launch_bounds__(kSumThreads)
    RmsnormWeightSumsKernel(RmsnormBackwardArgs args, const float* r, float* sums) {
  const int64_t runs = args.rows * args.groups;
  const int64_t sum_at = 4 * static_cast<int64_t>(blockIdx.x) + threadIdx.x / 32;
  const int64_t i = 4 * (32 * static_cast<int64_t>(blockIdx.y) + threadIdx.x % 32);
  const int64_t begin = sum_at * kRunsPerSum;
  if (begin >= runs || i >= args.n) return;
  float4 sum = make_float4(0, 0, 0, 0);
  for (int64_t run = begin; run < min(runs, begin + kRunsPerSum); run++) {
    const float* x = args.x + RunOffset(run, args.groups, args.n, args.ldx);
    const float* dy = args.dy + RunOffset(run, args.groups, args.n, args.lddy);
    const float scale = r[run];
    const float4 scaled =
        Product(Load4(x, i, args.n, Aligned16(x), 0), make_float4(scale, scale, scale, scale));
    AddProducts(sum, Load4(dy, i, args.n, Aligned16(dy), 0), scaled);
  }
  float* to = sums + sum_at * args.n;
  Store4(to, i, args.n, Aligned16(to), sum);
}

// Grid: 32 columns.
__global__ void __launch_bounds__(kColumns* kShares)
    RmsnormWeightKernel(int64_t count, int64_t n, const float* sums, float* dweight) {
  auto& shared = SharedMemory<WeightShared>();
  const unsigned column = threadIdx.x % kColumns;
  const unsigned share = threadIdx.x / kColumns;
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kColumns + column;
  float sum = 0;
  for (int64_t at = share; at < count && i < n; at += kShares) sum += sums[at * n + i];
  shared.sums[share][column] = sum;
  __syncthreads();
  if (share > 0 || i >= n) return;
  float total = dweight[i];
  for (int j = 0; j < kShares; j++) total += shared.sums[j][column];
  dweight[i] = total;
}

template <int kThreads>
cudaError_t LaunchRuns(cudaStream_t stream, const RmsnormBackwardArgs& args) {
  return Launch(RmsnormBackwardKernel<kThreads>,
                dim3(static_cast<unsigned>(args.rows), static_cast<unsigned>(args.groups)),
                dim3(kThreads), sizeof(RunShared<kThreads>), stream, args);
}

}  // namespace

int64_t RmsnormBackwardScratchBytes(jg_context*, int64_t rows, int64_t groups, int64_t n) {
  const int64_t runs = rows * groups;
  return (SumsOffset(runs) + Sums(runs) * n) * static_cast<int64_t>(sizeof(float));
}

int32_t RunRmsnormBackward(jg_stream* stream, const RmsnormBackwardArgs& args) {
  if (args.n <= kShortRun) {
    JG_CUDA(LaunchRuns<32>(stream->stream, args));
  } else {
    JG_CUDA(LaunchRuns<256>(stream->stream, args));
  }
  if (args.dweight == nullptr) return JG_OK;
  const int64_t count = Sums(Runs(args));
  const auto* r = static_cast<const float*>(args.scratch);
  float* sums = static_cast<float*>(args.scratch) + SumsOffset(Runs(args));
  const dim3 grid(static_cast<unsigned>((count + 3) / 4),
                  static_cast<unsigned>((args.n + kSumThreads - 1) / kSumThreads));
  JG_CUDA(
      Launch(RmsnormWeightSumsKernel, grid, dim3(kSumThreads), 0, stream->stream, args, r, sums));
  JG_CUDA(Launch(RmsnormWeightKernel,
                 dim3(static_cast<unsigned>((args.n + kColumns - 1) / kColumns)),
                 dim3(kColumns * kShares), sizeof(WeightShared), stream->stream, count, args.n,
                 sums, args.dweight));
  return JG_OK;
}

}  // namespace jangle
