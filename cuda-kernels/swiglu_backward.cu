// Gradients of SwiGLU, out = gate s up with s = 1 / (1 + exp(-gate)), elementwise over rows of n:
//   dup = dout gate s
//   dgate = dout up s (1 + gate (1 - s))
// Each thread has four neighbours of one row, and reads them before it writes, so the outputs may
// be the inputs.
#include <cuda_runtime.h>

#include <cstdint>

#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "row.cuh"
#include "run_training.h"

namespace jangle {
namespace {

constexpr int kThreads = 128;

// gate and up become their gradients.
__device__ __forceinline__ void Backward(float& gate, float& up, float dout) {
  const float s = 1.0f / (1.0f + expf(-gate));
  const float slope = s * fmaf(gate, 1.0f - s, 1.0f);
  const float dgate = dout * up * slope;
  up = dout * (gate * s);
  gate = dgate;
}

// Grid: row, columns.
__global__ void __launch_bounds__(kThreads) SwigluBackwardKernel(SwigluBackwardArgs args) {
  const int64_t row = blockIdx.x;
  const int64_t i = 4 * (static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x);
  const int64_t n = args.n;
  if (i >= n) return;
  const float* gate = args.gate + row * args.ldx;
  const float* up = args.up + row * args.ldx;
  const float* dout = args.dout + row * args.lddout;
  float* dgate = args.dgate + row * args.lddx;
  float* dup = args.dup + row * args.lddx;
  float4 g = Load4(gate, i, n, Aligned16(gate), 0);
  float4 u = Load4(up, i, n, Aligned16(up), 0);
  const float4 d = Load4(dout, i, n, Aligned16(dout), 0);
  Backward(g.x, u.x, d.x);
  Backward(g.y, u.y, d.y);
  Backward(g.z, u.z, d.z);
  Backward(g.w, u.w, d.w);
  Store4(dgate, i, n, Aligned16(dgate), g);
  Store4(dup, i, n, Aligned16(dup), u);
}

}  // namespace

int32_t RunSwigluBackward(jg_stream* stream, const SwigluBackwardArgs& args) {
  const auto blocks_per_row = static_cast<unsigned>((args.n + 4 * kThreads - 1) / (4 * kThreads));
  JG_CUDA(Launch(SwigluBackwardKernel, dim3(static_cast<unsigned>(args.rows), blocks_per_row),
                 dim3(kThreads), 0, stream->stream, args));
  return JG_OK;
}

}  // namespace jangle
