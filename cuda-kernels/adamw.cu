// One step of AdamW, elementwise, as jangle.h says. The factors are made in double, once, and
// rounded to float. Each thread has four neighbours.
#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>

#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "row.cuh"
#include "run_training.h"

namespace jangle {
namespace {

constexpr int kThreads = 256;

struct Factors {
  float gradient_scale;
  float keep;    // 1 - rate * decay
  float toward;  // 1 - beta1
  float beta2;
  float rest2;  // 1 - beta2
  float root2;  // sqrt(1 - beta2^step)
  float eps;
  float rate;  // over 1 - beta1^step
};

Factors FactorsOf(const AdamwArgs& args) {
  const auto step = static_cast<double>(args.step);
  const double correction1 = 1 - std::pow(args.beta1, step);
  const double correction2 = 1 - std::pow(args.beta2, step);
  return {static_cast<float>(args.gradient_scale),
          static_cast<float>(1 - args.rate * args.decay),
          static_cast<float>(1 - args.beta1),
          static_cast<float>(args.beta2),
          static_cast<float>(1 - args.beta2),
          static_cast<float>(std::sqrt(correction2)),
          static_cast<float>(args.eps),
          static_cast<float>(args.rate / correction1)};
}

__device__ __forceinline__ void Step(const Factors& f, float& weight, float gradient, float& m,
                                     float& v) {
  const float g = gradient * f.gradient_scale;
  m = fmaf(f.toward, g - m, m);
  v = fmaf(f.rest2 * g, g, v * f.beta2);
  const float divisor = sqrtf(v) / f.root2 + f.eps;
  weight = fmaf(-f.rate, m / divisor, weight * f.keep);
}

__global__ void __launch_bounds__(kThreads)
    AdamwKernel(Factors f, int64_t n, float* weight, const float* gradient, float* m, float* v) {
  const int64_t i = 4 * (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x);
  if (i >= n) return;
  float4 w4 = Load4(weight, i, n, Aligned16(weight), 0);
  const float4 g4 = Load4(gradient, i, n, Aligned16(gradient), 0);
  float4 m4 = Load4(m, i, n, Aligned16(m), 0);
  float4 v4 = Load4(v, i, n, Aligned16(v), 0);
  Step(f, w4.x, g4.x, m4.x, v4.x);
  Step(f, w4.y, g4.y, m4.y, v4.y);
  Step(f, w4.z, g4.z, m4.z, v4.z);
  Step(f, w4.w, g4.w, m4.w, v4.w);
  Store4(weight, i, n, Aligned16(weight), w4);
  Store4(m, i, n, Aligned16(m), m4);
  Store4(v, i, n, Aligned16(v), v4);
}

}  // namespace

int32_t RunAdamw(jg_stream* stream, const AdamwArgs& args) {
  const int64_t blocks = (args.n + 4 * kThreads - 1) / (4 * kThreads);
  JG_CUDA(Launch(AdamwKernel, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), 0,
                 stream->stream, FactorsOf(args), args.n, args.weight, args.gradient, args.m,
                 args.v));
  return JG_OK;
}

}  // namespace jangle
