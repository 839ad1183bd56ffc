// Draws a token of each row: filters, then Gumbel-max (gumbel.cuh). A row's draw depends on its
// logits, its position and the seed alone. The rules are those of cpu-kernels/sample.cpp.
//
// On x = (logit - largest) / temperature, with weights w = exp(x), in this order:
//   top_k   the first k tokens ordered by logit, then by lower id (0, or k >= n: all)
//   top_p   of these, in the same order, the fewest whose weights sum to >= top_p of their total
//           (>= 1: all); at least one
//   min_p   of these all with w >= min_p (the largest has w = 1; 0: all)
// then ids[row] = argmax over the kept tokens of x + noise, ties to the lowest id. The noise is
// that of the row's position + 1, the position of the token drawn. -0 equals 0 in every comparison.
// A NaN anywhere gives -1. Where the largest logit is infinite there is no softmax: its lowest id.
//
// What top_k and top_p keep are the tokens from a threshold in the order of ranks on (order.cuh).
// Whatever looks at every token works on pieces of 4096, many blocks to a row:
//   largest   the best token of each piece
//   weigh     the sums of weights of each piece (for rows with top_p and without top_k)
//   keep      the threshold; one block per row (for rows with top_k or top_p)
//   draw      the best x + noise of each piece
//   choose    the best of the pieces
// Results meet as maxima and as sums of integers, so no order needs to be kept. All are launched
// whatever the rows ask for, so that a recording serves other samplings, too.
#include <cuda_runtime.h>

#include <cstdint>

#include "argmax.cuh"
#include "check.h"
#include "context.h"
#include "gumbel.cuh"
#include "launch.cuh"
#include "ptx/shared.cuh"
#include "run.h"
#include "topk.cuh"
#include "unroll.cuh"
#include "weigh.cuh"

namespace jangle {
namespace {

constexpr int64_t kPiece = 4096;
constexpr int kThreads = 256;

// What the kernels pass on, [rows] or [rows][pieces].
struct Scratch {
  WeightSums* sums;     // [rows][pieces]
  uint64_t* largest;    // [rows][pieces]: the rank of the best token
  uint64_t* drawn;      // [rows][pieces]: the rank of the best by x + noise
  uint64_t* threshold;  // [rows]: the lowest rank kept
  int pieces;
};

struct SampleParameters {
  int64_t n;
  const float* logits;
  int64_t ldlogits;
  const Sampling* sampling;  // [sequences]
  const int32_t* sequence;   // [rows]
  const int32_t* position;   // [rows]
  int32_t* ids;
};

// What a row's sampling asks for.
struct RowSampling : Sampling {
  __device__ __forceinline__ RowSampling(const SampleParameters& p, int64_t row)
      : Sampling(p.sampling[p.sequence[row]]) {
    if (top_k >= p.n) top_k = 0;
  }
  __device__ __forceinline__ bool Weighed() const { return top_p < 1 && top_k == 0; }
  __device__ __forceinline__ bool Filtered() const { return top_p < 1 || top_k > 0; }
  __device__ __forceinline__ uint64_t Seed() const {
    return static_cast<uint64_t>(seed_high) << 32 | seed_low;
  }
};

struct PieceShared {
  uint64_t warps[kThreads / 32];
};

__device__ __forceinline__ bool HasSoftmax(uint64_t largest) {
  constexpr uint32_t kExponent = 0x7f800000u;
  return largest != kNanRank && (__float_as_uint(RankLogit(largest)) & kExponent) != kExponent;
}

// The best of a row's pieces. Begins with a barrier.
template <int kBlockThreads>
__device__ __forceinline__ uint64_t BestPiece(const uint64_t* ranks, int pieces,
                                              uint64_t (&shared)[kBlockThreads / 32]) {
  uint64_t best = 0;
  for (int piece = static_cast<int>(threadIdx.x); piece < pieces; piece += kBlockThreads) {
    best = max(best, ranks[piece]);
  }
  __syncthreads();
  return BlockMax<kBlockThreads>(best, shared);
}

__global__ void __launch_bounds__(kThreads) LargestKernel(SampleParameters p, Scratch scratch) {
  auto& shared = SharedMemory<PieceShared>();
  const int64_t row = blockIdx.x;
  const int64_t begin = blockIdx.y * kPiece;
  const int64_t end = p.n < begin + kPiece ? p.n : begin + kPiece;
  const uint64_t best = BlockMax<kThreads>(
      ThreadLargest<kThreads>(p.logits + row * p.ldlogits, begin, end), shared.warps);
  if (threadIdx.x == 0) scratch.largest[row * scratch.pieces + blockIdx.y] = best;
}

__global__ void __launch_bounds__(kThreads) WeighKernel(SampleParameters p, Scratch scratch) {
  auto& shared = SharedMemory<PieceShared>();
  const int64_t row = blockIdx.x;
  const RowSampling sampling(p, row);
  if (!sampling.Weighed()) return;
  const int64_t begin = blockIdx.y * kPiece;
  const int64_t end = p.n < begin + kPiece ? p.n : begin + kPiece;
  const uint64_t largest =
      BestPiece<kThreads>(scratch.largest + row * scratch.pieces, scratch.pieces, shared.warps);
  if (!HasSoftmax(largest)) return;
  const Tokens tokens = {nullptr, p.logits + row * p.ldlogits, p.n};
  const WeightSums sums = BlockWeights<kThreads>(
      ThreadWeights<kThreads>(tokens, begin, end,
                              Weights(RankLogit(largest), sampling.temperature, p.n), 0),
      shared.warps);
  if (threadIdx.x == 0) scratch.sums[row * scratch.pieces + blockIdx.y] = sums;
}

// The threshold of the fewest tokens with rank >= least, which `sums` has the weights of, that
// weigh top_p of them all.
template <int kBlockThreads>
__device__ __forceinline__ uint64_t SelectTopp(const float* row, int64_t n, const Weights& weights,
                                               const WeightSums& sums, float top_p, Tokens tokens,
                                               uint64_t least, uint64_t most,
                                               SelectShared<kBlockThreads>& shared) {
  const double share = static_cast<double>(top_p) * static_cast<double>(sums.total);
  auto target = static_cast<uint64_t>(share);
  if (static_cast<double>(target) < share) target++;
  // Most rows need not be looked at far below the largest.
  for (int j = WeightSums::kLevels - 1; j >= 0; j--) {
    const uint64_t level = LeastRank(weights.Level(j));
    if (sums.near[j] >= target && level > least) least = level;
  }
  if (tokens.list == nullptr) {
    const int64_t gathered = Gather(row, n, least, shared);
    if (gathered <= kListCapacity) tokens = {shared.list, nullptr, gathered};
  }
  return SelectThreshold(tokens, weights, least, most, target, shared);
}

template <int kBlockThreads>
__global__ void __launch_bounds__(kBlockThreads, 1)
    KeepKernel(SampleParameters p, Scratch scratch) {
  auto& shared = SharedMemory<SelectShared<kBlockThreads>>();
  const int64_t row = blockIdx.x;
  const RowSampling sampling(p, row);
  if (!sampling.Filtered()) return;
  const float* logits = p.logits + row * p.ldlogits;
  const uint64_t largest = BestPiece<kBlockThreads>(scratch.largest + row * scratch.pieces,
                                                    scratch.pieces, shared.warps);
  uint64_t threshold = 0;
  if (HasSoftmax(largest)) {
    Tokens tokens = {nullptr, logits, p.n};
    if (sampling.top_k > 0) {
      const TopkSelection selection =
          SelectTopk(logits, p.n, sampling.top_k, ThreadLargest<kBlockThreads>(logits, 0, p.n),
                     largest, shared);
      threshold = selection.threshold;
      tokens = selection.tokens;
    }
    if (sampling.top_p < 1) {
      const Weights weights(RankLogit(largest), sampling.temperature, p.n);
      WeightSums sums = {0, {0, 0, 0}};
      if (sampling.top_k > 0) {
        sums = ThreadWeights<kBlockThreads>(tokens, 0, tokens.count, weights, threshold);
      } else {
        for (int i = static_cast<int>(threadIdx.x); i < scratch.pieces; i += kBlockThreads) {
          const WeightSums& piece = scratch.sums[row * scratch.pieces + i];
          sums.total += piece.total;
          JG_UNROLL
          for (int j = 0; j < WeightSums::kLevels; j++) sums.near[j] += piece.near[j];
        }
      }
      sums = BlockWeights<kBlockThreads>(sums, shared.warps);
      threshold = SelectTopp(logits, p.n, weights, sums, sampling.top_p, tokens, threshold, largest,
                             shared);
    }
  }
  if (threadIdx.x == 0) scratch.threshold[row] = threshold;
}

// A thread has the four tokens of a Philox counter: t, t + 16, t + 32 and t + 48.
__global__ void __launch_bounds__(kThreads) DrawKernel(SampleParameters p, Scratch scratch) {
  auto& shared = SharedMemory<PieceShared>();
  const int64_t row = blockIdx.x;
  const int64_t begin = blockIdx.y * kPiece;
  const uint64_t first =
      BestPiece<kThreads>(scratch.largest + row * scratch.pieces, scratch.pieces, shared.warps);
  if (!HasSoftmax(first)) return;
  const RowSampling sampling(p, row);
  const float largest = RankLogit(first);
  const uint64_t threshold = sampling.Filtered() ? scratch.threshold[row] : 0;
  const float* logits = p.logits + row * p.ldlogits;
  const uint32_t position = static_cast<uint32_t>(p.position[row]) + 1;
  const float none = __uint_as_float(0xff800000u);  // -inf
  float best = none;
  int64_t best_id = 0;
  for (int64_t c = threadIdx.x; c < kPiece / 4; c += kThreads) {
    const int64_t token = begin + c / 16 * 64 + c % 16;
    float x[4];
    float most = none;
    JG_UNROLL
    for (int j = 0; j < 4; j++) {
      const int64_t id = token + 16 * j;
      x[j] = none;
      if (id < p.n && ToRank(logits[id], id) >= threshold) {
        const float scaled = Scaled(logits[id], largest, sampling.temperature);
        if (!(sampling.min_p > 0) || expf(scaled) >= sampling.min_p) x[j] = scaled;
      }
      most = fmaxf(most, x[j]);
    }
    // Rounding is monotonic: what cannot win with more noise than it can get needs none drawn.
    if (!(most + kMostNoise > best)) continue;
    const Random4 random = Philox(static_cast<uint32_t>(begin / 4 + c), position, sampling.Seed());
    JG_UNROLL
    for (int j = 0; j < 4; j++) {
      const float v = Uniform(random.word[j]);
      if (!(x[j] + NoiseBound(v) > best)) continue;
      const float noisy = x[j] + GumbelNoise(v);
      if (noisy > best) {
        best = noisy;
        best_id = token + 16 * j;
      }
    }
  }
  const uint64_t rank = best > none ? ToRank(best, best_id) : 0;
  __syncthreads();
  const uint64_t drawn = BlockMax<kThreads>(rank, shared.warps);
  if (threadIdx.x == 0) scratch.drawn[row * scratch.pieces + blockIdx.y] = drawn;
}

__global__ void __launch_bounds__(kThreads) ChooseKernel(SampleParameters p, Scratch scratch) {
  auto& shared = SharedMemory<PieceShared>();
  const int64_t row = blockIdx.x;
  const int64_t first = row * scratch.pieces;
  uint64_t best = BestPiece<kThreads>(scratch.largest + first, scratch.pieces, shared.warps);
  if (HasSoftmax(best)) {
    best = BestPiece<kThreads>(scratch.drawn + first, scratch.pieces, shared.warps);
  }
  if (threadIdx.x == 0) p.ids[row] = best == kNanRank ? -1 : RankId(best);
}

int64_t Pieces(int64_t n) { return (n + kPiece - 1) / kPiece; }

}  // namespace

int64_t SampleScratchBytes(jg_context*, int64_t rows, int64_t n) {
  constexpr int64_t kPerPiece = sizeof(WeightSums) + 2 * sizeof(uint64_t);
  return rows * (Pieces(n) * kPerPiece + static_cast<int64_t>(sizeof(uint64_t)));
}

int32_t RunSample(jg_stream* stream, const SampleArgs& args) {
  const int64_t pieces = Pieces(args.n);
  Scratch scratch;
  scratch.pieces = static_cast<int>(pieces);
  scratch.sums = static_cast<WeightSums*>(args.scratch);
  scratch.largest = reinterpret_cast<uint64_t*>(scratch.sums + args.rows * pieces);
  scratch.drawn = scratch.largest + args.rows * pieces;
  scratch.threshold = scratch.drawn + args.rows * pieces;
  const SampleParameters p = {args.n,
                              args.logits,
                              args.ldlogits,
                              args.batch->sampling,
                              args.batch->sequence + args.first_row,
                              args.batch->position + args.first_row,
                              args.ids};
  const dim3 rows(static_cast<unsigned>(args.rows));
  const dim3 row_pieces(static_cast<unsigned>(args.rows), static_cast<unsigned>(pieces));
  constexpr size_t kShared = sizeof(PieceShared);
  const cudaStream_t on = stream->stream;
  JG_CUDA(Launch(LargestKernel, row_pieces, dim3(kThreads), kShared, on, p, scratch));
  JG_CUDA(Launch(WeighKernel, row_pieces, dim3(kThreads), kShared, on, p, scratch));
  const int32_t kept = WithSelectThreads(args.n, [&](auto threads) -> int32_t {
    constexpr int kBlockThreads = decltype(threads)::value;
    JG_CUDA(Launch(KeepKernel<kBlockThreads>, rows, dim3(kBlockThreads),
                   sizeof(SelectShared<kBlockThreads>), on, p, scratch));
    return JG_OK;
  });
  if (kept != JG_OK) return kept;
  JG_CUDA(Launch(DrawKernel, row_pieces, dim3(kThreads), kShared, on, p, scratch));
  JG_CUDA(Launch(ChooseKernel, rows, dim3(kThreads), kShared, on, p, scratch));
  return JG_OK;
}

}  // namespace jangle
