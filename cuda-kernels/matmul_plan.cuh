// What the kernels of one matrix product share: how the work is cut, and where its parts lie in
// scratch.
//
// Tokens (rows of x) are taken in groups of 8, the columns of B of an mma; 1, 2 or 4 groups form a
// token block, read by one thread block. How many depends on the number of rows, but a group's
// arithmetic does not depend on the groups beside it.
//
// Scratch: [counters][row scales][token records][partial sums], each aligned to 256 bytes.
//   counters       one per thread block of a split, where k is split over blocks; else none
//   row scales     F16: f32 per token
//   token records  [token block][step]: [groups] fragments of 512 bytes, then [groups] scales of
//                  ScaleBytes(dtype). In a fragment, token c of the group owns the 64 bytes from
//                  64 c, 16 for each lane t of the four that have g = c:
//                  F16 {high, low term of inputs 4 t ..}, BF16 {inputs 8 t ..}, blocks {inputs
//                  8 t .. of block 0, of block 1}; F32: piece 8 quad + c is inputs 4 quad .. + 3
//                  Scales of a group: f32 [4 t][2 blocks][tokens 2 t, 2 t + 1]; Q4_1: then the
//                  scaled sums likewise
//   partial sums   f32 [split][thread block][token][output], in the order of the kernel
#pragma once

#include "weight_layout.cuh"

namespace jangle {

constexpr int kGroupTokens = 8;
constexpr int kWarps = 4;  // of a block; each takes a fixed quarter of the block's steps

__host__ __device__ constexpr int TokenRecordBytes(int32_t dtype, int groups) {
  return groups * (kFragmentBytes + ScaleBytes(dtype));
}

// Blocks along k: fixed by the shape. More than one only where the strips are too few to keep the
// memory busy and every warp still has 16 steps.
inline int32_t SplitsOf(const WeightLayout& layout) {
  if (layout.strips >= 64) return 1;
  const int64_t wanted = (128 + layout.strips - 1) / layout.strips;
  const int64_t most = layout.steps / (16 * kWarps);
  const int64_t splits = wanted < most ? wanted : most;
  return static_cast<int32_t>(splits < 1 ? 1 : splits > 8 ? 8 : splits);
}

// Of the schedule for many rows: what a thread block makes.
constexpr int kPrefillTiles = 4;   // of outputs
constexpr int kPrefillGroups = 4;  // of a token block, one for each warp

// More rows than a tree has, and enough work for the larger thread blocks to occupy a large GPU:
// 2,048 outputs make 64 of them at least; fewer only where k is split.
inline bool IsPrefill(const WeightLayout& layout, int32_t splits, int64_t rows) {
  return rows > 128 && (layout.strips * layout.tiles >= 128 || splits > 1);
}

struct MatmulPlan {
  // The work.
  int64_t n, k, rows;
  int32_t steps;
  int32_t tiles;   // of a strip
  int32_t groups;  // of a token block
  int32_t splits;  // thread blocks along k
  bool prefill;    // the schedule
  int64_t strips;
  int64_t token_blocks;
  int64_t blocks;  // thread blocks of a split
  // The data.
  const uint8_t* weights;
  const float* x;
  int64_t ldx;
  float* y;
  int64_t ldy;
  const float* bias;
  bool accumulate;
  uint32_t* counters;
  float* row_scales;
  uint8_t* tokens;
  float* partials;
  int64_t scratch_bytes;

  __host__ __device__ int64_t PaddedRows() const { return token_blocks * groups * kGroupTokens; }
};

// The cut, and the addresses relative to `scratch`.
inline MatmulPlan MatmulPlanOf(int32_t dtype, int64_t n, int64_t k, int64_t rows, void* scratch) {
  const WeightLayout layout = WeightLayoutOf(dtype, n, k);
  MatmulPlan plan = {};
  plan.n = n;
  plan.k = k;
  plan.rows = rows;
  plan.steps = layout.steps;
  plan.tiles = layout.tiles;
  plan.strips = layout.strips;
  plan.splits = SplitsOf(layout);
  plan.groups = rows <= kGroupTokens ? 1 : rows <= 2 * kGroupTokens ? 2 : 4;
  const int64_t block_tokens = plan.groups * kGroupTokens;
  plan.token_blocks = (rows + block_tokens - 1) / block_tokens;
  plan.prefill = IsPrefill(layout, plan.splits, rows);
  plan.blocks = plan.strips * plan.token_blocks;
  int64_t block_sums = plan.tiles * kTileOutputs * block_tokens;
  if (plan.prefill) {
    plan.blocks = (plan.strips * plan.tiles + kPrefillTiles - 1) / kPrefillTiles *
                  ((plan.token_blocks + kWarps - 1) / kWarps);
    block_sums = kPrefillTiles * kTileOutputs * kWarps * block_tokens;
  }

  auto* base = static_cast<uint8_t*>(scratch);
  int64_t used = 0;
  const auto take = [&](int64_t bytes) {
    uint8_t* part = base == nullptr ? nullptr : base + used;
    used += (bytes + 255) / 256 * 256;
    return part;
  };
  plan.counters = reinterpret_cast<uint32_t*>(take(plan.splits > 1 ? plan.blocks * 4 : 0));
  plan.row_scales = reinterpret_cast<float*>(take(dtype == JG_F16 ? plan.PaddedRows() * 4 : 0));
  plan.tokens = take(plan.token_blocks * plan.steps * TokenRecordBytes(dtype, plan.groups));
  plan.partials = reinterpret_cast<float*>(
      take(plan.splits > 1 ? plan.splits * plan.blocks * block_sums * 4 : 0));
  plan.scratch_bytes = used;
  return plan;
}

}  // namespace jangle
