// y[i][j] = sum over k of x[i][k] * w[j][k] (+ bias[j]) (+ y[i][j]): the schedule that all formats
// share. A Format says what one step's bytes mean (matmul_f32.cu and its neighbours).
//
// A thread block has 4 warps and makes one strip of outputs (kTiles tiles of 16) for one token
// block (kGroups groups of 8). The steps of k are cut into 4 * splits parts; warp w of split s
// takes part 4 s + w. Each warp streams its records of weights and activations through a ring of
// its own in shared memory: kStages - 1 steps are under way in cp.async while one is multiplied,
// and no warp waits for another before the end.
//
// Order of the sum of one output and token, whatever the number of tokens: within a part the steps
// ascend from 0; then the parts of a block, ascending; then the splits, ascending, by the block
// that arrives last; then the format's factor, + bias, + y. kTiles, the number of steps and of
// splits follow from (dtype, n, k), so the bits of a token's row depend on nothing else. Tokens
// beyond `rows` are zeros, computed and dropped.
#pragma once

#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "matmul_plan.cuh"
#include "ptx/cp_async_cached.cuh"
#include "unroll.cuh"

namespace jangle {

constexpr int kMatmulThreads = 32 * kWarps;

// The shape of one instance.
template <int32_t kDtype, int kTiles, int kGroups>
struct MatmulTile {
  static constexpr int kWeightBytes = WeightRecordBytes(kDtype, kTiles);
  static constexpr int kTokenBytes = TokenRecordBytes(kDtype, kGroups);
  static constexpr int kStageBytes = kWeightBytes + kTokenBytes;
  // About 32 KiB of weights of a block under way, within 96 KiB: sm_86, sm_89 and sm_120 allow 99.
  static constexpr int kWanted = 1 + (32768 + kWarps * kWeightBytes - 1) / (kWarps * kWeightBytes);
  static constexpr int kRoom = 98304 / (kWarps * kStageBytes);
  static constexpr int kStages = kWanted < kRoom ? kWanted : kRoom;
  static_assert(kStages >= 3);

  static constexpr int kOutputs = kTiles * kTileOutputs;
  static constexpr int kTokens = kGroups * kGroupTokens;
  // The 4 words between rows keep the stores of an mma's accumulators free of bank conflicts.
  static constexpr int kPitch = kOutputs + 4;

  struct Shared {
    union {
      alignas(128) uint8_t ring[kWarps][kStages * kStageBytes];
      float sums[kWarps][kTokens][kPitch];
    };
    int last;
  };
  static_assert(sizeof(float) * kWarps * kTokens * kPitch <= kWarps * kStages * kStageBytes);
  // Blocks that the shared memory of sm_90 (228 KiB, 1 of them the system's per block) lets stand
  // on one multiprocessor; registers shall not lower it.
  static constexpr int kResident = 233472 / (static_cast<int>(sizeof(Shared)) + 1024);
};

// A warp copies a record of kBytes, a multiple of 16; `from` is the lane's own first 16 bytes.
template <int kBytes, bool kCached>
__device__ __forceinline__ void CopyRecord(uint8_t* to, const uint8_t* from, int lane) {
  JG_UNROLL
  for (int i = 0; i < kBytes; i += kFragmentBytes) {
    if (i + kFragmentBytes > kBytes && lane * 16 >= kBytes - i) break;
    if (kCached) {
      CpAsync16Cached(to + i + lane * 16, from + i);
    } else {
      CpAsync16(to + i + lane * 16, from + i);
    }
  }
}

template <typename Format>
__device__ __forceinline__ void StoreOutput(const MatmulPlan& plan, int64_t token, int64_t output,
                                            float sum) {
  if (token >= plan.rows || output >= plan.n) return;
  float value = Format::kRowScales ? sum * plan.row_scales[token] : sum * Format::kFactor;
  if (plan.bias != nullptr) value += plan.bias[output];
  float* y = plan.y + token * plan.ldy + output;
  if (plan.accumulate) value += *y;
  *y = value;
}

// The end of a thread block of kTokens x kOutputs: what sum_of(token, output) gives is stored, or,
// where k is split, added up by the block of the splits that arrives last.
template <typename Format, int kTokens, int kOutputs, typename SumOf>
__device__ __forceinline__ void FinishSums(const MatmulPlan& plan, int64_t first_token,
                                           int64_t first_output, int& last, const SumOf& sum_of) {
  constexpr int kSums = kTokens * kOutputs;
  float* partials = plan.partials + static_cast<int64_t>(blockIdx.x) * kSums;
  const int64_t split_stride = plan.blocks * kSums;
  for (int i = static_cast<int>(threadIdx.x); i < kSums; i += kMatmulThreads) {
    const int token = i / kOutputs;
    const int output = i % kOutputs;
    const float sum = sum_of(token, output);
    if (plan.splits > 1) {
      partials[blockIdx.y * split_stride + i] = sum;
    } else {
      StoreOutput<Format>(plan, first_token + token, first_output + output, sum);
    }
  }
  if (plan.splits == 1) return;

  // The block that counts last sees the partial sums of all: each passed its own on before it
  // counted.
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    const uint32_t before = atomicAdd(plan.counters + blockIdx.x, 1u);
    __threadfence();
    last = before == static_cast<uint32_t>(plan.splits) - 1;
  }
  __syncthreads();
  if (last == 0) return;
  for (int i = static_cast<int>(threadIdx.x); i < kSums; i += kMatmulThreads) {
    float sum = partials[i];
    for (int s = 1; s < plan.splits; s++) sum += partials[s * split_stride + i];
    StoreOutput<Format>(plan, first_token + i / kOutputs, first_output + i % kOutputs, sum);
  }
}

template <typename Format, int kTiles, int kGroups>
__global__ void __launch_bounds__(kMatmulThreads,
                                  MatmulTile<Format::kDtype, kTiles, kGroups>::kResident)
    MatmulKernel(MatmulPlan plan) {
  using Tile = MatmulTile<Format::kDtype, kTiles, kGroups>;
  auto& shared = SharedMemory<typename Tile::Shared>();
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int64_t token_block = blockIdx.x % static_cast<uint32_t>(plan.token_blocks);
  const int64_t strip = blockIdx.x / static_cast<uint32_t>(plan.token_blocks);
  // In 32 bits: a division of 64 takes the compiler a hundred instructions. There are at most 2^26
  // steps (CheckWeight) and 32 parts (SplitsOf).
  const uint32_t part = blockIdx.y * kWarps + static_cast<uint32_t>(warp);
  const uint32_t parts = static_cast<uint32_t>(plan.splits) * kWarps;
  const auto all_steps = static_cast<uint32_t>(plan.steps);
  const int begin = static_cast<int>(all_steps * part / parts);
  const int steps = static_cast<int>(all_steps * (part + 1) / parts) - begin;

  const uint8_t* weights =
      plan.weights + (strip * plan.steps + begin) * Tile::kWeightBytes + lane * 16;
  const uint8_t* tokens =
      plan.tokens + (token_block * plan.steps + begin) * Tile::kTokenBytes + lane * 16;
  uint8_t* ring = shared.ring[warp];
  const auto copy = [&](int stage) {
    CopyRecord<Tile::kWeightBytes, false>(ring + stage, weights, lane);
    CopyRecord<Tile::kTokenBytes, true>(ring + stage + Tile::kWeightBytes, tokens, lane);
    weights += Tile::kWeightBytes;
    tokens += Tile::kTokenBytes;
  };

  for (int i = 0; i < Tile::kStages - 1; i++) {
    if (i < steps) copy(i * Tile::kStageBytes);
    CpAsyncCommit();
  }
  float sums[kTiles][kGroups][4] = {};
  int stage = 0;  // byte offsets into the ring
  int free_stage = (Tile::kStages - 1) * Tile::kStageBytes;
  JG_NO_UNROLL
  for (int left = steps; left > 0; left--) {
    CpAsyncWait<Tile::kStages - 2>();
    // Lanes read scales that others copied, and refill what others read in the step before.
    __syncwarp();
    if (left >= Tile::kStages) copy(free_stage);
    CpAsyncCommit();
    const uint8_t* at = ring + stage;
    Format::template Multiply<kTiles, kGroups>(at, at + Tile::kWeightBytes, lane, sums);
    free_stage = stage;
    stage = stage == (Tile::kStages - 1) * Tile::kStageBytes ? 0 : stage + Tile::kStageBytes;
  }

  CpAsyncWait<0>();
  __syncthreads();  // the ring's memory becomes that of the sums
  JG_UNROLL
  for (int r = 0; r < kTiles; r++) {
    JG_UNROLL
    for (int g = 0; g < kGroups; g++) {
      JG_UNROLL
      for (int i = 0; i < 4; i++) {
        shared.sums[warp][g * kGroupTokens + Format::Token(lane, i)]
                   [r * kTileOutputs + Format::Output(lane, i)] = sums[r][g][i];
      }
    }
  }
  __syncthreads();
  FinishSums<Format, Tile::kTokens, Tile::kOutputs>(plan, token_block * Tile::kTokens,
                                                    strip * Tile::kOutputs, shared.last,
                                                    [&](int token, int output) {
                                                      float sum = shared.sums[0][token][output];
                                                      JG_UNROLL
                                                      for (int w = 1; w < kWarps; w++)
                                                        sum += shared.sums[w][token][output];
                                                      return sum;
                                                    });
}

template <typename Format, int kTiles, int kGroups>
int32_t LaunchMatmulTile(jg_stream* stream, const MatmulPlan& plan) {
  using Shared = typename MatmulTile<Format::kDtype, kTiles, kGroups>::Shared;
  const dim3 grid(static_cast<uint32_t>(plan.blocks), static_cast<uint32_t>(plan.splits));
  JG_CUDA((LaunchShared<MatmulKernel<Format, kTiles, kGroups>, sizeof(Shared)>(
      grid, dim3(kMatmulThreads), stream->stream, plan)));
  return JG_OK;
}

template <typename Format, int kTiles>
int32_t LaunchMatmulTiles(jg_stream* stream, const MatmulPlan& plan) {
  switch (plan.groups) {
    case 1:
      return LaunchMatmulTile<Format, kTiles, 1>(stream, plan);
    case 2:
      return LaunchMatmulTile<Format, kTiles, 2>(stream, plan);
    default:
      return LaunchMatmulTile<Format, kTiles, 4>(stream, plan);
  }
}

template <typename Format>
int32_t LaunchMatmul(jg_stream* stream, const MatmulPlan& plan) {
  switch (plan.tiles) {
    case 1:
      return LaunchMatmulTiles<Format, 1>(stream, plan);
    case 2:
      return LaunchMatmulTiles<Format, 2>(stream, plan);
    default:
      return LaunchMatmulTiles<Format, 4>(stream, plan);
  }
}

}  // namespace jangle
