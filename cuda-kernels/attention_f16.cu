// Attention over an F16 cache on tensor cores, for head sizes that are a multiple of 8: two
// kernels, see attention_plan.cuh. Rows go through them in batches, which bounds the scratch.
#include <algorithm>

#include "attention.h"
#include "attention_prefix.cuh"
#include "attention_tail.cuh"
#include "check.h"
#include "context.h"
#include "launch.cuh"

namespace jangle {
namespace {

constexpr int64_t kBatchRows = 128;
constexpr int64_t kBlocksPerProcessor = 4;  // that turns aim at

// Launches of rows that lie behind one another in one scratch.
int64_t Rows(int64_t rows) { return std::min(rows, kBatchRows); }

int64_t Ranges(int64_t max_pages) { return RangeOf(static_cast<int32_t>(max_pages) - 1) + 1; }

template <int kDim, int kGroups>
int32_t LaunchKernels(jg_stream* stream, int64_t ranges, AttentionPlan plan) {
  using Tile = AttentionTile<kDim, kGroups>;
  const int32_t rows = plan.batch.rows;
  plan.block_heads = std::min(plan.group, Tile::kColumns);
  plan.run_rows = std::min(Tile::kColumns / plan.block_heads, kMostRunRows);
  const int64_t row_groups = (rows + plan.run_rows - 1) / plan.run_rows;
  const int64_t head_blocks = (plan.group + plan.block_heads - 1) / plan.block_heads;
  const int64_t blocks = row_groups * ranges * plan.layout.kv_heads * head_blocks;
  const int64_t wanted = kBlocksPerProcessor * stream->context->multiprocessors / blocks;
  plan.turns = static_cast<int32_t>(std::clamp<int64_t>(wanted, 1, std::min(rows, plan.run_rows)));
  const dim3 prefix(static_cast<uint32_t>(row_groups * plan.turns), static_cast<uint32_t>(ranges),
                    static_cast<uint32_t>(plan.layout.kv_heads * head_blocks));
  JG_CUDA((LaunchShared<AttentionPrefixKernel<kDim, kGroups>, sizeof(typename Tile::Shared)>(
      prefix, dim3(kAttentionThreads), stream->stream, plan)));
  const int64_t tail_blocks = (plan.group + 7) / 8 * plan.layout.kv_heads;
  const dim3 tail(static_cast<uint32_t>(rows), static_cast<uint32_t>(tail_blocks));
  JG_CUDA((LaunchShared<AttentionTailKernel<kDim>, sizeof(TailShared<kDim>)>(
      tail, dim3(kAttentionThreads), stream->stream, plan)));
  return JG_OK;
}

// Tiles as wide as the columns that share keys may fill. Which one it is changes no bit.
template <int kDim>
int32_t LaunchDim(jg_stream* stream, int64_t ranges, const AttentionPlan& plan) {
  const int64_t columns = static_cast<int64_t>(plan.batch.rows) * plan.group;
  if (columns <= 8) return LaunchKernels<kDim, 1>(stream, ranges, plan);
  if constexpr (kDim == 256) {
    return LaunchKernels<kDim, 4>(stream, ranges, plan);
  } else {
    if (columns <= 32) return LaunchKernels<kDim, 4>(stream, ranges, plan);
    // Of wider heads a warp's registers hold no more than two groups.
    if constexpr (kDim == 64) {
      if (columns > 64 && plan.group > 1) return LaunchKernels<kDim, 16>(stream, ranges, plan);
    }
    return LaunchKernels<kDim, 8>(stream, ranges, plan);
  }
}

}  // namespace

int64_t AttentionF16ScratchBytes(int64_t heads, int64_t head_dim, int64_t rows, int64_t max_pages) {
  return Ranges(max_pages) * Rows(rows) * heads * (head_dim + 2) *
         static_cast<int64_t>(sizeof(float));
}

int32_t RunAttentionF16(jg_stream* stream, const AttentionArgs& args) {
  JG_REQUIRE(reinterpret_cast<uintptr_t>(args.kv_pages) % 16 == 0,
             "jg_attention: the cache lies at an address that is no multiple of 16");
  const int64_t ranges = Ranges(args.batch->max_pages);
  const int64_t partials = ranges * Rows(args.batch->rows) * args.heads;
  AttentionPlan plan = {};
  plan.layout = {args.kv_heads, args.head_dim};
  plan.cache = static_cast<const uint16_t*>(args.kv_pages);
  plan.ldq = args.ldq;
  plan.ldout = args.ldout;
  plan.scale = args.scale;
  plan.heads = static_cast<int32_t>(args.heads);
  plan.group = static_cast<int32_t>(args.heads / args.kv_heads);
  plan.partial_outputs = static_cast<float*>(args.scratch);
  plan.partial_sums = reinterpret_cast<float2*>(plan.partial_outputs + partials * args.head_dim);
  for (int32_t first = 0; first < args.batch->rows; first += kBatchRows) {
    plan.batch = *args.batch;
    plan.batch.rows = static_cast<int32_t>(Rows(args.batch->rows - first));
    plan.batch.sequence += first;
    plan.batch.position += first;
    plan.batch.linear += first;
    plan.batch.tail_begin += first;
    plan.q = args.q + first * args.ldq;
    plan.out = args.out + first * args.ldout;
    const int32_t status = args.head_dim <= 64    ? LaunchDim<64>(stream, ranges, plan)
                           : args.head_dim <= 128 ? LaunchDim<128>(stream, ranges, plan)
                                                  : LaunchDim<256>(stream, ranges, plan);
    if (status != JG_OK) return status;
  }
  return JG_OK;
}

}  // namespace jangle
