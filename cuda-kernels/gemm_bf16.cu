// jg_gemm of lines in bf16: mma.sync m16n8k16 with rows of op(a) as A and columns of op(b) as B,
// f32 sums.
//
// A thread block makes a tile of c, each warp a rectangle of it. A step is 32 elements of k: the
// lines of the tile come into a ring of kStages in shared memory by cp.async, 64 bytes of each
// line, and go to the fragments by ldmatrix. kStages - 1 steps are under way while one is
// multiplied; one barrier a step says both that a stage has come and that the one to be filled
// next has been read by all.
#include "check.h"
#include "gemm_kernels.h"
#include "gemm_store.cuh"
#include "launch.cuh"
#include "ptx/cp_async.cuh"
#include "ptx/ldmatrix.cuh"
#include "ptx/mma.cuh"

namespace jangle {
namespace {

constexpr int kLineBytes = 2 * kGemmStepBf16;
constexpr int kChunks = kLineBytes / 16;

// kWarpsM x kWarpsN warps make kTileM x kTileN outputs; kResident such blocks shall stand on a
// multiprocessor.
template <int kTileM, int kTileN, int kWarpsM, int kWarpsN, int kStages_, int kResident_>
struct Bf16Tile {
  static constexpr int kM = kTileM;
  static constexpr int kN = kTileN;
  static constexpr int kWarpM = kTileM / kWarpsM;
  static constexpr int kWarpN = kTileN / kWarpsN;
  static constexpr int kColumnsOfWarps = kWarpsN;
  static constexpr int kThreads = 32 * kWarpsM * kWarpsN;
  static constexpr int kStages = kStages_;
  static constexpr int kResident = kResident_;
  static constexpr int kStageBytes = (kTileM + kTileN) * kLineBytes;

  struct Shared {
    alignas(128) uint8_t ring[kStages * kStageBytes];
    GemmTileAt tile;
  };
  static_assert(sizeof(Shared) <= 101376);  // what sm_86, sm_89 and sm_120 allow
};

// Byte offset in a stage of a line's chunk of 16 bytes. The chunks of two lines fill all 32 banks;
// they are permuted such that the same chunk of eight lines, which ldmatrix reads, does so too. A
// multiple of 8 lines more is as many times kLineBytes more.
__device__ __forceinline__ int ChunkOffset(int line, int chunk) {
  return line * kLineBytes + (chunk ^ (line / 2 % kChunks)) * 16;
}

// The offset of the chunk two further on than that of an offset in the first half of a line.
__device__ __forceinline__ int SecondHalf(int offset) { return offset ^ kLineBytes / 2; }

// The copies of one thread: chunk threadIdx.x % 4 of every kThreads / 4th line.
template <int kThreads>
struct LineCopies {
  const uint8_t* from;
  int64_t stride;  // bytes from one of its lines to the next
  int to;

  __device__ __forceinline__ LineCopies(const uint8_t* lines, int64_t first, int64_t depth) {
    const int line = static_cast<int>(threadIdx.x) / kChunks;
    const int chunk = static_cast<int>(threadIdx.x) % kChunks;
    from = lines + (first + line) * depth * 2 + chunk * 16;
    stride = kThreads / kChunks * depth * 2;
    to = ChunkOffset(line, chunk);
  }
  // The next step of kLines lines.
  template <int kLines>
  __device__ __forceinline__ void Copy(uint8_t* stage) {
    JG_UNROLL
    for (int i = 0; i < kLines * kChunks / kThreads; i++) {
      CpAsync16(stage + to + i * (kThreads / kChunks) * kLineBytes, from + i * stride);
    }
    from += kLineBytes;
  }
};

// One step of a warp: a, b are the addresses of the lane's rows of the first matrices (ldmatrix) in
// the halves of the step. The step's products are summed from zero, then added to the sums: an mma
// cuts what it adds up at the last bit of the largest, where an f32 addition rounds, and through
// thousands of k that would cost more than a naive loop in f32.
template <typename Tile>
__device__ __forceinline__ void MultiplyStep(
    const uint8_t* const (&a)[2], const uint8_t* const (&b)[2],
    float (&sums)[Tile::kWarpM / 16][Tile::kWarpN / 8][4]) {
  uint32_t rows[2][Tile::kWarpM / 16][4];
  JG_UNROLL
  for (int half = 0; half < 2; half++) {
    JG_UNROLL
    for (int r = 0; r < Tile::kWarpM / 16; r++) {
      Ldmatrix4(rows[half][r], a[half] + r * 16 * kLineBytes);
    }
  }
  JG_UNROLL
  for (int c = 0; c < Tile::kWarpN / 16; c++) {
    float of_step[Tile::kWarpM / 16][2][4] = {};
    JG_UNROLL
    for (int half = 0; half < 2; half++) {
      uint32_t columns[4];
      Ldmatrix4(columns, b[half] + c * 16 * kLineBytes);
      const uint32_t left[2] = {columns[0], columns[1]};
      const uint32_t right[2] = {columns[2], columns[3]};
      JG_UNROLL
      for (int r = 0; r < Tile::kWarpM / 16; r++) {
        MmaBf16(of_step[r][0], rows[half][r], left);
        MmaBf16(of_step[r][1], rows[half][r], right);
      }
    }
    JG_UNROLL
    for (int r = 0; r < Tile::kWarpM / 16; r++) {
      JG_UNROLL
      for (int side = 0; side < 2; side++) {
        JG_UNROLL
        for (int i = 0; i < 4; i++) sums[r][2 * c + side][i] += of_step[r][side][i];
      }
    }
  }
}

// Block (x, y): tile x, part y.
template <typename Tile>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kResident) GemmBf16Kernel(GemmPlan plan) {
  auto& shared = SharedMemory<typename Tile::Shared>();
  // Divided unsigned, for the registers' sake: sums and fragments take nearly all of them.
  const int lane = static_cast<int>(threadIdx.x % 32);
  const int warp_m = static_cast<int>(threadIdx.x / 32 / Tile::kColumnsOfWarps * Tile::kWarpM);
  const int warp_n = static_cast<int>(threadIdx.x / 32 % Tile::kColumnsOfWarps * Tile::kWarpN);
  const GemmTileAt tile = GemmTileOf(plan, blockIdx.x);
  const int begin = plan.PartBegin(blockIdx.y);
  const int steps = plan.PartBegin(blockIdx.y + 1) - begin;

  LineCopies<Tile::kThreads> a(plan.a + begin * kLineBytes, tile.m * Tile::kM, plan.depth);
  LineCopies<Tile::kThreads> b(plan.b + begin * kLineBytes, tile.n * Tile::kN, plan.depth);
  const auto copy = [&](int stage) {
    a.template Copy<Tile::kM>(shared.ring + stage);
    b.template Copy<Tile::kN>(shared.ring + stage + Tile::kM * kLineBytes);
  };
  if (threadIdx.x == 0) shared.tile = tile;  // read again at the end, likewise
  for (int i = 0; i < Tile::kStages - 1; i++) {
    if (i < steps) copy(i * Tile::kStageBytes);
    CpAsyncCommit();
  }

  // Matrices of A: rows 0..7 and 8..15 of the first 8 elements of k, then of the second; of B: the
  // first and second 8 elements of columns 0..7, then of 8..15.
  const int a_row = ChunkOffset(warp_m + lane % 16, lane / 16);
  const int b_row =
      Tile::kM * kLineBytes + ChunkOffset(warp_n + lane / 16 * 8 + lane % 8, lane / 8 % 2);
  float sums[Tile::kWarpM / 16][Tile::kWarpN / 8][4] = {};
  int stage = 0;  // byte offsets into the ring
  int free_stage = (Tile::kStages - 1) * Tile::kStageBytes;
  JG_NO_UNROLL
  for (int left = steps; left > 0; left--) {
    CpAsyncWait<Tile::kStages - 2>();
    __syncthreads();
    if (left >= Tile::kStages) copy(free_stage);
    CpAsyncCommit();
    const uint8_t* const rows[2] = {shared.ring + stage + a_row,
                                    shared.ring + SecondHalf(stage + a_row)};
    const uint8_t* const columns[2] = {shared.ring + stage + b_row,
                                       shared.ring + SecondHalf(stage + b_row)};
    MultiplyStep<Tile>(rows, columns, sums);
    free_stage = stage;
    stage = stage == (Tile::kStages - 1) * Tile::kStageBytes ? 0 : stage + Tile::kStageBytes;
  }

  JG_UNROLL
  for (int r = 0; r < Tile::kWarpM / 16; r++) {
    JG_UNROLL
    for (int c = 0; c < Tile::kWarpN / 8; c++) {
      const int64_t row = shared.tile.m * Tile::kM + warp_m + r * 16 + lane / 4;
      const int64_t column = shared.tile.n * Tile::kN + warp_n + c * 8 + lane % 4 * 2;
      const float upper[2] = {sums[r][c][0], sums[r][c][1]};
      const float lower[2] = {sums[r][c][2], sums[r][c][3]};
      StoreSums(plan, row, column, upper);
      StoreSums(plan, row + 8, column, lower);
    }
  }
}

template <typename Tile>
int32_t LaunchTile(jg_stream* stream, const GemmPlan& plan) {
  const dim3 grid(static_cast<uint32_t>(plan.tiles_m * plan.tiles_n),
                  static_cast<uint32_t>(plan.parts));
  JG_CUDA((LaunchShared<GemmBf16Kernel<Tile>, sizeof(typename Tile::Shared)>(
      grid, dim3(Tile::kThreads), stream->stream, plan)));
  return JG_OK;
}

}  // namespace

int32_t GemmBf16(jg_stream* stream, const GemmPlan& plan) {
  if (plan.tile_n == 256) return LaunchTile<Bf16Tile<128, 256, 2, 4, 4, 1>>(stream, plan);
  // 48 KiB, so that two blocks stand on a multiprocessor of sm_86 too.
  if (plan.tile_n == 128) return LaunchTile<Bf16Tile<128, 128, 2, 2, 3, 2>>(stream, plan);
  return LaunchTile<Bf16Tile<64, 64, 2, 2, 4, 3>>(stream, plan);
}

}  // namespace jangle
