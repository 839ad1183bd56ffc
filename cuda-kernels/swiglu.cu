// SwiGLU: out = gate / (1 + exp(-gate)) * up, elementwise over rows of n. Each thread has four
// neighbours of one row.
#include <cuda_runtime.h>

#include <cstdint>

#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "ptx/store.cuh"
#include "row.cuh"
#include "run.h"
#include "swiglu.cuh"

namespace jangle {
namespace {

constexpr int kThreads = 128;

__global__ void __launch_bounds__(kThreads)
    SwigluKernel(int64_t n, const float* gate, const float* up, int64_t ldx, float* out,
                 int64_t ldout) {
  const int64_t row = blockIdx.x;
  const int64_t i = 4 * (static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x);
  if (i >= n) return;
  gate += row * ldx;
  up += row * ldx;
  out += row * ldout;
  if (i + 4 <= n && Aligned16(gate) && Aligned16(up) && Aligned16(out)) {
    const float4 g = *reinterpret_cast<const float4*>(gate + i);
    const float4 u = *reinterpret_cast<const float4*>(up + i);
    StoreVector(out + i, make_float4(SiluMul(g.x, u.x), SiluMul(g.y, u.y), SiluMul(g.z, u.z),
                                     SiluMul(g.w, u.w)));
    return;
  }
  for (int64_t j = i; j < n && j < i + 4; j++) out[j] = SiluMul(gate[j], up[j]);
}

}  // namespace

int32_t RunSwiglu(jg_stream* stream, const SwigluArgs& args) {
  const auto blocks_per_row = static_cast<unsigned>((args.n + 4 * kThreads - 1) / (4 * kThreads));
  JG_CUDA(Launch(SwigluKernel, dim3(static_cast<unsigned>(args.rows), blocks_per_row),
                 dim3(kThreads), 0, stream->stream, args.n, args.gate, args.up, args.ldx, args.out,
                 args.ldout));
  return JG_OK;
}

}  // namespace jangle
