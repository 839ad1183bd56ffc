// jg_gemm of lines in f32: one fma for each element of k, ascending, on the ordinary units.
//
// A thread block makes a square of c; a thread four squares of 4 x 4 outputs, whose rows and
// columns lie half the side apart: then the threads of a warp read neighbouring vectors of shared
// memory. A step is 16 elements of k, rows of the packed operands; they come by cp.async into a
// ring as in gemm_bf16.cu.
#include "check.h"
#include "gemm_kernels.h"
#include "gemm_store.cuh"
#include "launch.cuh"
#include "ptx/cp_async.cuh"

namespace jangle {
namespace {

constexpr int kStages = 3;

template <int kSide_>
struct F32Tile {
  static constexpr int kSide = kSide_;
  static constexpr int kThreads = kSide / 8 * (kSide / 8);
  static constexpr int kChunks = kSide / 4;               // of 16 bytes, in a row
  static constexpr int kRowsAtOnce = kThreads / kChunks;  // that all threads copy together

  struct Stage {
    float a[kGemmStepF32][kSide];
    float b[kGemmStepF32][kSide];
  };
  struct Shared {
    alignas(128) Stage ring[kStages];
  };
};

// The thread's eight of kSide lines: 4 from `at`, 4 from half of them further.
template <int kSide>
__device__ __forceinline__ void LoadEight(float (&v)[8], const float (&row)[kSide], int at) {
  JG_UNROLL
  for (int half = 0; half < 2; half++) {
    const float4 four = *reinterpret_cast<const float4*>(row + half * (kSide / 2) + at);
    v[4 * half] = four.x;
    v[4 * half + 1] = four.y;
    v[4 * half + 2] = four.z;
    v[4 * half + 3] = four.w;
  }
}

// One element of k.
template <int kSide>
__device__ __forceinline__ void MultiplyLine(const float (&a)[kSide], int row,
                                             const float (&b)[kSide], int column,
                                             float (&sums)[8][8]) {
  float rows[8];
  float columns[8];
  LoadEight(rows, a, row);
  LoadEight(columns, b, column);
  JG_UNROLL
  for (int i = 0; i < 8; i++) {
    JG_UNROLL
    for (int j = 0; j < 8; j++) sums[i][j] = fmaf(rows[i], columns[j], sums[i][j]);
  }
}

// Block (x, y): tile x, part y.
template <typename Tile>
__global__ void __launch_bounds__(Tile::kThreads, 512 / Tile::kThreads)
    GemmF32Kernel(GemmPlan plan) {
  constexpr int kSide = Tile::kSide;
  auto& shared = SharedMemory<typename Tile::Shared>();
  const int thread = static_cast<int>(threadIdx.x);
  const GemmTileAt tile = GemmTileOf(plan, blockIdx.x);
  const int begin = plan.PartBegin(blockIdx.y);
  const int steps = plan.PartBegin(blockIdx.y + 1) - begin;

  const int copied_row = thread / Tile::kChunks;
  const int copied_column = thread % Tile::kChunks * 4;
  const int64_t first = static_cast<int64_t>(begin) * kGemmStepF32 + copied_row;
  const float* a = reinterpret_cast<const float*>(plan.a) + first * plan.PaddedM() +
                   tile.m * kSide + copied_column;
  const float* b = reinterpret_cast<const float*>(plan.b) + first * plan.PaddedN() +
                   tile.n * kSide + copied_column;
  const auto copy = [&](int stage) {
    JG_UNROLL
    for (int i = copied_row; i < kGemmStepF32; i += Tile::kRowsAtOnce) {
      CpAsync16(&shared.ring[stage].a[i][copied_column], a);
      CpAsync16(&shared.ring[stage].b[i][copied_column], b);
      a += Tile::kRowsAtOnce * plan.PaddedM();
      b += Tile::kRowsAtOnce * plan.PaddedN();
    }
  };
  for (int i = 0; i < kStages - 1; i++) {
    if (i < steps) copy(i);
    CpAsyncCommit();
  }

  const int own_row = thread / (kSide / 8) * 4;
  const int own_column = thread % (kSide / 8) * 4;
  float sums[8][8] = {};
  int stage = 0;
  JG_NO_UNROLL
  for (int left = steps; left > 0; left--) {
    CpAsyncWait<kStages - 2>();
    __syncthreads();
    if (left >= kStages) copy(stage == 0 ? kStages - 1 : stage - 1);
    CpAsyncCommit();
    const auto& at = shared.ring[stage];
    JG_NO_UNROLL  // more at a time would ask for more than 128 registers
        for (int p = 0; p < kGemmStepF32; p++) {
      MultiplyLine(at.a[p], own_row, at.b[p], own_column, sums);
    }
    stage = stage == kStages - 1 ? 0 : stage + 1;
  }

  JG_UNROLL
  for (int i = 0; i < 8; i++) {
    JG_UNROLL
    for (int half = 0; half < 2; half++) {
      const int64_t row = tile.m * kSide + i / 4 * (kSide / 2) + own_row + i % 4;
      const int64_t column = tile.n * kSide + half * (kSide / 2) + own_column;
      const float four[4] = {sums[i][4 * half], sums[i][4 * half + 1], sums[i][4 * half + 2],
                             sums[i][4 * half + 3]};
      StoreSums(plan, row, column, four);
    }
  }
}

template <int kSide>
int32_t LaunchTile(jg_stream* stream, const GemmPlan& plan) {
  using Tile = F32Tile<kSide>;
  const dim3 grid(static_cast<uint32_t>(plan.tiles_m * plan.tiles_n),
                  static_cast<uint32_t>(plan.parts));
  JG_CUDA((LaunchShared<GemmF32Kernel<Tile>, sizeof(typename Tile::Shared)>(
      grid, dim3(Tile::kThreads), stream->stream, plan)));
  return JG_OK;
}

}  // namespace

int32_t GemmF32(jg_stream* stream, const GemmPlan& plan) {
  return plan.tile_n == 128 ? LaunchTile<128>(stream, plan) : LaunchTile<64>(stream, plan);
}

}  // namespace jangle
