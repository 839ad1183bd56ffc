// Packs both operands of jg_gemm: op(a) by rows, op(b) by columns, padded with zeros.
//   BF16  [line][depth], rounded to bf16, to nearest even
//   F32   [depth][line]
// A thread block takes a square of kSquare x kSquare through shared memory: it is read along the
// elements that are neighbours in the source, and written along those that are neighbours in
// scratch ("inner"; the other dimension is "outer").
#include "check.h"
#include "gemm_kernels.h"
#include "launch.cuh"
#include "ptx/convert.cuh"
#include "ptx/shared.cuh"
#include "ptx/store.cuh"
#include "unroll.cuh"

namespace jangle {
namespace {

constexpr int kThreads = 256;
constexpr int kSquare = 64;
// Neither four neighbours at a time, nor eight rows four words apart, meet in a bank.
constexpr int kPitch = kSquare + 4;

struct GemmPackShared {
  float square[kSquare][kPitch];
};

struct Operand {
  const float* from;
  int64_t outer_stride, inner_stride;  // of the source; one of them is 1
  int64_t outer, inner;                // its size
  int64_t padded_outer, padded_inner;
  uint8_t* to;

  __host__ __device__ int64_t Squares() const { return SquaresOf(padded_outer) * InnerSquares(); }
  __host__ __device__ int64_t InnerSquares() const { return SquaresOf(padded_inner); }
  static __host__ __device__ int64_t SquaresOf(int64_t size) {
    return (size + kSquare - 1) / kSquare;
  }
};

struct Operands {
  Operand a, b;
};

__device__ __forceinline__ float Element(const Operand& x, int64_t outer, int64_t inner) {
  if (outer >= x.outer || inner >= x.inner) return 0.0f;
  return x.from[outer * x.outer_stride + inner * x.inner_stride];
}

// The square from (outer, inner) on, to shared memory.
__device__ __forceinline__ void LoadSquare(GemmPackShared& shared, const Operand& x, int64_t outer,
                                           int64_t inner) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  if (x.inner_stride == 1) {
    JG_UNROLL
    for (int i = warp; i < kSquare; i += kThreads / 32) {
      JG_UNROLL
      for (int j = lane; j < kSquare; j += 32) {
        shared.square[i][j] = Element(x, outer + i, inner + j);
      }
    }
    return;
  }
  JG_UNROLL
  for (int j = 4 * warp; j < kSquare; j += 4 * kThreads / 32) {
    JG_UNROLL
    for (int i = lane; i < kSquare; i += 32) {
      *reinterpret_cast<float4*>(&shared.square[i][j]) =
          make_float4(Element(x, outer + i, inner + j), Element(x, outer + i, inner + j + 1),
                      Element(x, outer + i, inner + j + 2), Element(x, outer + i, inner + j + 3));
    }
  }
}

// Block b: square b of op(a), or, past its last, of op(b).
template <int32_t kProducts>
__global__ void __launch_bounds__(kThreads) GemmPackKernel(Operands operands) {
  auto& shared = SharedMemory<GemmPackShared>();
  const int64_t of_a = operands.a.Squares();
  const bool is_a = blockIdx.x < of_a;
  const Operand x = is_a ? operands.a : operands.b;
  const int64_t square = is_a ? blockIdx.x : blockIdx.x - of_a;
  const int64_t outer = square / x.InnerSquares() * kSquare;
  const int64_t inner = square % x.InnerSquares() * kSquare;
  LoadSquare(shared, x, outer, inner);
  __syncthreads();
  const int j = static_cast<int>(threadIdx.x) % (kSquare / 4) * 4;
  if (inner + j >= x.padded_inner) return;
  JG_UNROLL
  for (int i = static_cast<int>(threadIdx.x) / (kSquare / 4); i < kSquare;
       i += 4 * kThreads / kSquare) {
    if (outer + i >= x.padded_outer) return;
    const float4 v = *reinterpret_cast<const float4*>(&shared.square[i][j]);
    const int64_t at = (outer + i) * x.padded_inner + inner + j;
    if constexpr (kProducts == JG_BF16) {
      *reinterpret_cast<uint2*>(x.to + at * 2) =
          make_uint2(PackBf16x2(v.x, v.y), PackBf16x2(v.z, v.w));
    } else {
      StoreVector(reinterpret_cast<float*>(x.to) + at, v);
    }
  }
}

// `along`: whether an operand's line is stored along its rows of `ld` elements.
Operand OperandOf(const GemmPlan& plan, const float* from, int64_t ld, bool along, int64_t lines,
                  int64_t padded_lines, uint8_t* to) {
  const int64_t line_stride = along ? ld : 1;
  const int64_t depth_stride = along ? 1 : ld;
  if (plan.products == JG_BF16) {
    return {from, line_stride, depth_stride, lines, plan.k, padded_lines, plan.depth, to};
  }
  return {from, depth_stride, line_stride, plan.k, lines, plan.depth, padded_lines, to};
}

}  // namespace

int32_t GemmPack(jg_stream* stream, const GemmPlan& plan, const GemmArgs& args) {
  const Operands operands = {
      OperandOf(plan, args.a, args.lda, !args.transpose_a, plan.m, plan.PaddedM(), plan.a),
      OperandOf(plan, args.b, args.ldb, args.transpose_b, plan.n, plan.PaddedN(), plan.b)};
  const dim3 grid(static_cast<uint32_t>(operands.a.Squares() + operands.b.Squares()));
  const auto kernel = plan.products == JG_BF16 ? GemmPackKernel<JG_BF16> : GemmPackKernel<JG_F32>;
  JG_CUDA(Launch(kernel, grid, dim3(kThreads), sizeof(GemmPackShared), stream->stream, operands));
  return JG_OK;
}

}  // namespace jangle
