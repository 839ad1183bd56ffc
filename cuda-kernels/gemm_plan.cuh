// What the kernels of one jg_gemm share: how the work is cut, and where its parts lie in scratch.
//
// Rows of op(a) and columns of op(b) are "lines": k elements that an output needs of either. They
// are first packed in scratch (gemm_pack.cu), in the form that the product at hand reads, padded
// with zeros to whole tiles and steps. So the kernels of the products know one form of an operand,
// and no edges before they store.
//
// Order of the sum of one output: within a part of k the products ascend from 0 (BF16: the sums of
// steps, each from 0 by two mma of 16 products); the parts, which depend on k alone, are added
// ascending; then c = alpha * sum, or c = fma(alpha, sum, c). Which tile an output falls in changes
// nothing of that, so tiles may be chosen by m and n.
//
// Scratch: [op(a)][op(b)][partial sums], each aligned to 256 bytes.
//   BF16  lines [line][depth] in bf16     F32  lines [depth][line] in f32
//   partial sums  f32 [part][padded m][padded n], where there is more than one part
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "jangle.h"
#include "training_args.h"

namespace jangle {

// Elements of k that a thread block multiplies at a time; the depth of lines is a multiple.
constexpr int kGemmStepBf16 = 32;
constexpr int kGemmStepF32 = 16;
// The longest part of k: so long that the partial sums cost little beside the products. Only a long
// k has more than one, as the gradient that comes through an output matrix, whose outputs are few.
constexpr int64_t kGemmPart = 8192;

struct GemmPlan {
  // The work.
  int32_t products;
  int64_t m, n, k;
  int32_t tile_m, tile_n;    // outputs of a thread block
  int64_t tiles_m, tiles_n;  // of them
  int64_t depth;             // k, padded
  int32_t steps;             // of depth
  int32_t parts;             // of the steps
  // The data.
  float alpha;
  bool accumulate;
  float* c;
  int64_t ldc;
  uint8_t* a;
  uint8_t* b;
  float* partials;
  int64_t scratch_bytes;

  __host__ __device__ int64_t PaddedM() const { return tiles_m * tile_m; }
  __host__ __device__ int64_t PaddedN() const { return tiles_n * tile_n; }
  __host__ __device__ int32_t PartBegin(int64_t part) const {
    return static_cast<int32_t>(steps * part / parts);
  }
};

// A thread block's tile. Blocks that run at the same time, which are neighbours in number, share
// as many lines as they can: the tiles are taken in bands of 8 along m, each band by columns.
struct GemmTileAt {
  int64_t m, n;
};
__device__ __forceinline__ GemmTileAt GemmTileOf(const GemmPlan& plan, int64_t block) {
  constexpr int64_t kBand = 8;
  const int64_t band = block / (kBand * plan.tiles_n);
  const int64_t in_band = block % (kBand * plan.tiles_n);
  const int64_t left = plan.tiles_m - band * kBand;
  const int64_t height = left < kBand ? left : kBand;
  return {band * kBand + in_band % height, in_band / height};
}

// a * b, or a size that no device has: so that no sum of a few of them overflows.
inline int64_t SizeOf(int64_t a, int64_t b) {
  constexpr int64_t kMost = int64_t{1} << 58;
  return a > kMost / b ? kMost : a * b;
}

inline int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The largest tile that leaves most multiprocessors of a large GPU something to do: each reads its
// lines for more outputs.
inline void ChooseTile(GemmPlan& plan) {
  const auto tiles = [&](int32_t m, int32_t n) {
    plan.tile_m = m;
    plan.tile_n = n;
    plan.tiles_m = CeilDiv(plan.m, m);
    plan.tiles_n = CeilDiv(plan.n, n);
    return SizeOf(plan.tiles_m, plan.tiles_n) * plan.parts;
  };
  if (plan.products == JG_BF16 && tiles(128, 256) >= 96) return;
  if (tiles(128, 128) >= 64) return;
  tiles(64, 64);
}

// The cut, and the addresses relative to `scratch`.
inline GemmPlan GemmPlanOf(int32_t products, int64_t m, int64_t n, int64_t k, void* scratch) {
  GemmPlan plan = {};
  plan.products = products;
  plan.m = m;
  plan.n = n;
  plan.k = k;
  const int64_t step = products == JG_BF16 ? kGemmStepBf16 : kGemmStepF32;
  plan.parts = static_cast<int32_t>(CeilDiv(k, kGemmPart));
  plan.steps = static_cast<int32_t>(CeilDiv(k, step));
  plan.depth = plan.steps * step;
  ChooseTile(plan);

  auto* base = static_cast<uint8_t*>(scratch);
  int64_t used = 0;
  const auto take = [&](int64_t elements, int64_t bytes) {
    uint8_t* part = base == nullptr ? nullptr : base + used;
    used += CeilDiv(SizeOf(elements, bytes), 256) * 256;
    return part;
  };
  const int64_t bytes = products == JG_BF16 ? 2 : 4;
  plan.a = take(SizeOf(plan.PaddedM(), plan.depth), bytes);
  plan.b = take(SizeOf(plan.PaddedN(), plan.depth), bytes);
  if (plan.parts > 1) {
    const int64_t outputs = SizeOf(plan.PaddedM(), plan.PaddedN());
    plan.partials = reinterpret_cast<float*>(take(SizeOf(outputs, plan.parts), 4));
  }
  plan.scratch_bytes = used;
  return plan;
}

}  // namespace jangle
