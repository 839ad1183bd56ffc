// The product of matmul_kernel.cuh for many tokens, as of a prompt: in larger thread blocks, so
// that the weights come from memory once for 128 tokens, and with the same bits.
//
// A thread block makes 4 tiles of 16 outputs for 4 token blocks of 32, each of its 4 warps all the
// outputs of one token block. The steps of the block's split come into a ring of kStages in shared
// memory by cp.async, weights and tokens; kStages - 1 steps are under way while one is multiplied.
// One barrier a step says both that a stage has come and that the one to be filled next has been
// read by all. Records hold fragments as the lanes of an mma want them, so there is nothing for
// ldmatrix to do and nothing to permute: 32 lanes that load 16 bytes each, one behind the other,
// find all banks.
//
// Order of the sum of one output and token: there, the 4 parts of a split are summed by a warp
// each; here, by one warp, one part after the other, each from zero and ascending. The parts of a
// split are added ascending, in registers; the rest is FinishSums' for both.
#pragma once

#include "matmul_kernel.cuh"

namespace jangle {

template <int32_t kDtype>
struct PrefillTile {
  static constexpr int kTileBytes = Fragments(kDtype) * kFragmentBytes;
  static constexpr int kWeightBytes = WeightRecordBytes(kDtype, kPrefillTiles);
  // Groups of tokens multiplied at once, in shared memory a record of their own. Formats of blocks
  // have two or three factors to a token and block, and no registers for those of more groups.
  static constexpr int kAtOnce = IsBlocked(kDtype) ? 2 : kPrefillGroups;
  static constexpr int kTurns = kPrefillGroups / kAtOnce;
  static constexpr int kTurnBytes = TokenRecordBytes(kDtype, kAtOnce);
  static constexpr int kTokenBytes = kTurns * kTurnBytes;
  static constexpr int kStageBytes = kWeightBytes + kWarps * kTokenBytes;
  // 3 or 4, within 48 KiB.
  static constexpr int kStages = 49152 / kStageBytes;
  static_assert(kStages >= 3);

  static constexpr int kOutputs = kPrefillTiles * kTileOutputs;
  static constexpr int kBlockTokens = kPrefillGroups * kGroupTokens;
  static constexpr int kTokens = kWarps * kBlockTokens;
  // The 4 words between rows keep the stores of an mma's accumulators free of bank conflicts.
  static constexpr int kPitch = kOutputs + 4;

  struct Shared {
    union {
      alignas(128) uint8_t ring[kStages * kStageBytes];
      float sums[kTokens][kPitch];
    };
    int last;
  };
  // Registers allow two blocks on a multiprocessor, so shared memory shall too: of sm_86, sm_89 and
  // sm_120 it is 100 KiB, 1 of them the system's per block.
  static constexpr int kResident = 2;
  static_assert(kResident * (sizeof(Shared) + 1024) <= 102400);

  using Sums = float[kTurns][kPrefillTiles][kAtOnce][4];  // of a thread
  // Calls visit(turn, tile, group, i) for each of them.
  template <typename Visit>
  static __device__ __forceinline__ void EachSum(const Visit& visit) {
    JG_UNROLL
    for (int turn = 0; turn < kTurns; turn++) {
      JG_UNROLL
      for (int r = 0; r < kPrefillTiles; r++) {
        JG_UNROLL
        for (int g = 0; g < kAtOnce; g++) {
          JG_UNROLL
          for (int i = 0; i < 4; i++) visit(turn, r, g, i);
        }
      }
    }
  }
};

// The steps of one tile of outputs, wherever its strip holds it, into the block's records.
template <int32_t kDtype>
struct TileCopies {
  const uint8_t* fragments;  // the lane's
  int scales;                // from there

  __device__ __forceinline__ TileCopies(const MatmulPlan& plan, uint32_t tile, int first_step,
                                        int lane) {
    constexpr int kTileBytes = PrefillTile<kDtype>::kTileBytes;
    const auto tiles = static_cast<uint32_t>(plan.tiles);
    const auto in_strip = static_cast<int>(tile % tiles);
    fragments = plan.weights +
                (static_cast<int64_t>(tile / tiles) * plan.steps + first_step) *
                    WeightRecordBytes(kDtype, plan.tiles) +
                in_strip * kTileBytes + lane * 16;
    scales = (plan.tiles - in_strip) * kTileBytes + in_strip * ScaleBytes(kDtype);
  }
  // The next step, as tile `index` of the record at `to`.
  __device__ __forceinline__ void Copy(const MatmulPlan& plan, uint8_t* to, int index, int lane) {
    constexpr int kTileBytes = PrefillTile<kDtype>::kTileBytes;
    CopyRecord<kTileBytes, false>(to + index * kTileBytes, fragments, lane);
    CopyRecord<ScaleBytes(kDtype), false>(
        to + kPrefillTiles * kTileBytes + index * ScaleBytes(kDtype), fragments + scales, lane);
    fragments += WeightRecordBytes(kDtype, plan.tiles);
  }
};

// The next step of a warp's tokens, from the lane's first bytes on.
template <int32_t kDtype>
__device__ __forceinline__ void CopyTokens(uint8_t* to, const uint8_t* tokens, int lane) {
  using Tile = PrefillTile<kDtype>;
  constexpr int kBytes = Tile::kAtOnce * kFragmentBytes;
  constexpr int kScales = Tile::kAtOnce * ScaleBytes(kDtype);
  JG_UNROLL
  for (int turn = 0; turn < Tile::kTurns; turn++) {
    CopyRecord<kBytes, false>(to + turn * Tile::kTurnBytes, tokens + turn * kBytes, lane);
    CopyRecord<kScales, false>(to + turn * Tile::kTurnBytes + kBytes,
                               tokens + Tile::kTurns * kBytes + turn * kScales, lane);
  }
}

// Block (x, y): outputs and tokens x, split y. Neighbours share the outputs, and so the weights.
template <typename Format>
__global__ void __launch_bounds__(kMatmulThreads, PrefillTile<Format::kDtype>::kResident)
    MatmulPrefillKernel(MatmulPlan plan) {
  using Tile = PrefillTile<Format::kDtype>;
  auto& shared = SharedMemory<typename Tile::Shared>();
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  // In 32 bits, as in matmul_kernel.cuh.
  const auto token_blocks = static_cast<uint32_t>(plan.token_blocks);
  const uint32_t columns = (token_blocks + kWarps - 1) / kWarps;
  const uint32_t token_block = blockIdx.x % columns * kWarps + static_cast<uint32_t>(warp);
  const uint32_t first_tile = blockIdx.x / columns * kPrefillTiles;
  const auto all_steps = static_cast<uint32_t>(plan.steps);
  const uint32_t parts = static_cast<uint32_t>(plan.splits) * kWarps;
  const auto begin_of = [&](int part) {
    return static_cast<int>(all_steps * (blockIdx.y * kWarps + static_cast<uint32_t>(part)) /
                            parts);
  };
  const int begin = begin_of(0);
  const int end = begin_of(kWarps);

  // A warp past the last token block copies weights for the others. Past the last tile the last
  // stands once more; the outputs are dropped.
  const bool has_tokens = token_block < token_blocks;
  const auto all_tiles = static_cast<uint32_t>(plan.strips * plan.tiles);
  TileCopies<Format::kDtype> weights(
      plan, min(first_tile + static_cast<uint32_t>(warp), all_tiles - 1), begin, lane);
  const uint8_t* tokens =
      plan.tokens + (static_cast<int64_t>(token_block) * plan.steps + begin) * Tile::kTokenBytes +
      lane * 16;
  const int tokens_at = Tile::kWeightBytes + warp * Tile::kTokenBytes;
  const auto copy = [&](int stage) {
    weights.Copy(plan, shared.ring + stage, warp, lane);
    if (has_tokens) {
      CopyTokens<Format::kDtype>(shared.ring + stage + tokens_at, tokens, lane);
    }
    tokens += Tile::kTokenBytes;
  };

  for (int i = 0; i < Tile::kStages - 1; i++) {
    if (begin + i < end) copy(i * Tile::kStageBytes);
    CpAsyncCommit();
  }
  typename Tile::Sums sums;
  Tile::EachSum([&](int turn, int r, int g, int i) {
    sums[turn][r][g][i] = -0.0f;  // to which the first part adds its every bit
  });
  int stage = 0;  // byte offsets into the ring
  int free_stage = (Tile::kStages - 1) * Tile::kStageBytes;
  int step = begin;
  JG_NO_UNROLL
  for (int part = 0; part < kWarps; part++) {
    typename Tile::Sums of_part = {};
    const int part_end = begin_of(part + 1);
    JG_NO_UNROLL
    for (; step < part_end; step++) {
      CpAsyncWait<Tile::kStages - 2>();
      __syncthreads();
      if (step + Tile::kStages - 1 < end) copy(free_stage);
      CpAsyncCommit();
      const uint8_t* at = shared.ring + stage;
      if (has_tokens) {
        JG_UNROLL
        for (int turn = 0; turn < Tile::kTurns; turn++) {
          if (turn > 0) __syncwarp();  // lest the compiler hold the weights' factors meanwhile
          Format::template Multiply<kPrefillTiles, Tile::kAtOnce>(
              at, at + tokens_at + turn * Tile::kTurnBytes, lane, of_part[turn]);
        }
      }
      free_stage = stage;
      stage = stage == (Tile::kStages - 1) * Tile::kStageBytes ? 0 : stage + Tile::kStageBytes;
    }
    Tile::EachSum(
        [&](int turn, int r, int g, int i) { sums[turn][r][g][i] += of_part[turn][r][g][i]; });
  }

  CpAsyncWait<0>();
  __syncthreads();  // the ring's memory becomes that of the sums
  Tile::EachSum([&](int turn, int r, int g, int i) {
    const int group = warp * kPrefillGroups + turn * Tile::kAtOnce + g;
    shared.sums[group * kGroupTokens + Format::Token(lane, i)]
               [r * kTileOutputs + Format::Output(lane, i)] = sums[turn][r][g][i];
  });
  __syncthreads();
  FinishSums<Format, Tile::kTokens, Tile::kOutputs>(
      plan, static_cast<int64_t>(token_block - static_cast<uint32_t>(warp)) * Tile::kBlockTokens,
      static_cast<int64_t>(first_tile) * kTileOutputs, shared.last,
      [&](int token, int output) { return shared.sums[token][output]; });
}

template <typename Format>
int32_t LaunchPrefill(jg_stream* stream, const MatmulPlan& plan) {
  using Shared = typename PrefillTile<Format::kDtype>::Shared;
  const dim3 grid(static_cast<uint32_t>(plan.blocks), static_cast<uint32_t>(plan.splits));
  JG_CUDA((LaunchShared<MatmulPrefillKernel<Format>, sizeof(Shared)>(grid, dim3(kMatmulThreads),
                                                                     stream->stream, plan)));
  return JG_OK;
}

}  // namespace jangle
