// Attention without tensor cores, for F32 caches and any even head size up to 256: one block per
// (row, key head, up to 8 of its query heads).
//
// Keys are taken in chunks of 64 by absolute position, each key at lane position % 64 whatever slot
// it lies in, so a row's result does not depend on how its ancestors came into the cache. Of a
// chunk: scores are sums over ascending dimensions, the maximum and the sum of exponentials are
// butterflies over the 64 keys, outputs are sums over ascending keys. Chunks are folded in
// ascending order into a running maximum M, sum and output:
//   M' = max(M, m),  sum' = sum exp(M - M') + own exp(m - M'),  the output alike.
#include <cstdint>

#include "attention.h"
#include "cache_layout.cuh"
#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "ptx/shared.cuh"
#include "reduce.cuh"
#include "unroll.cuh"

namespace jangle {
namespace {

constexpr int kThreads = 128;
constexpr int kChunk = JG_PAGE;
constexpr int kHeads = 8;  // query heads of a block
constexpr int kMostDim = 256;
constexpr int kOutputs = kHeads * kMostDim / kThreads;  // of a thread

struct AttentionShared {
  float q[kHeads * kMostDim];
  float weight[kHeads * kChunk];  // scores, then exp(score - maximum)
  float maximum[kHeads];          // running
  float sum[kHeads];
  float keep[kHeads];                   // exp(M - M')
  float gain[kHeads];                   // exp(m - M')
  int64_t key[kChunk];                  // elements from the layer's begin
  float tile[kChunk * (kMostDim + 1)];  // keys, then values; odd rows, so that columns spread
};

// Copies the chunk's keys (or values, `offset` elements further) to the tile as f32.
template <typename T>
__device__ __forceinline__ void ReadTile(AttentionShared& s, const T* cache, int64_t offset,
                                         int keys, int dim) {
  for (int i = static_cast<int>(threadIdx.x); i < keys * dim; i += kThreads) {
    const int key = i / dim;
    const int d = i % dim;
    s.tile[key * (dim + 1) + d] = ReadElement(cache + s.key[key] + offset + d);
  }
}

// Where every score is -inf, weights are 0 and not NaN.
__device__ __forceinline__ float Base(float maximum) { return maximum == -INFINITY ? 0 : maximum; }

// One warp: turns a head's scores into weights and folds the chunk into its maximum and sum. A NaN
// among the scores ends in the sum, and so in every output.
__device__ __forceinline__ void Softmax(AttentionShared& s, int head, int keys) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  float* weight = s.weight + head * kChunk;
  const float low = lane < keys ? weight[lane] : -INFINITY;
  const float high = lane + 32 < keys ? weight[lane + 32] : -INFINITY;
  const float maximum = WarpMax(fmaxf(low, high));
  const float low_exp = expf(low - Base(maximum));
  const float high_exp = expf(high - Base(maximum));
  const float sum = WarpSum(low_exp + high_exp);
  weight[lane] = low_exp;
  weight[lane + 32] = high_exp;
  if (lane == 0) {
    const float merged = fmaxf(s.maximum[head], maximum);
    s.keep[head] = expf(s.maximum[head] - Base(merged));
    s.gain[head] = expf(maximum - Base(merged));
    s.sum[head] = fmaf(sum, s.gain[head], s.sum[head] * s.keep[head]);
    s.maximum[head] = merged;
  }
}

// Grid: row, key head, block of its query heads.
template <typename T>
__global__ void __launch_bounds__(kThreads, 2)
    AttentionSimtKernel(BatchView batch, int group, int dim, CacheLayout layout, float scale,
                        const T* cache, const float* q, int64_t ldq, float* out, int64_t ldout) {
  auto& s = SharedMemory<AttentionShared>();
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t row = blockIdx.x;
  const int64_t kv_head = blockIdx.y;
  const int first_head = static_cast<int>(blockIdx.z) * kHeads;
  const int heads = min(kHeads, group - first_head);
  const int64_t head_offset = (kv_head * group + first_head) * dim;
  const int32_t position = batch.position[row];
  for (int i = thread; i < heads * dim; i += kThreads) s.q[i] = q[row * ldq + head_offset + i];

  if (thread < kHeads) {
    s.maximum[thread] = -INFINITY;
    s.sum[thread] = 0;
  }
  float output[kOutputs] = {};
  for (int32_t chunk = 0; chunk <= position; chunk += kChunk) {
    const int keys = min(kChunk, position - chunk + 1);
    if (thread < keys) {
      s.key[thread] =
          layout.Key(PageTable(batch, row), SlotOf(batch, row, chunk + thread), kv_head);
    }
    __syncthreads();
    ReadTile(s, cache, 0, keys, dim);
    __syncthreads();
    // Two threads per key, which take turns with the heads.
    const int key = thread % kChunk;
    for (int head = thread / kChunk; key < keys && head < heads; head += kThreads / kChunk) {
      float score = 0;
      for (int d = 0; d < dim; d++) {
        score = fmaf(s.q[head * dim + d], s.tile[key * (dim + 1) + d], score);
      }
      s.weight[head * kChunk + key] = score * scale;
    }
    __syncthreads();
    ReadTile(s, cache, layout.ValueOffset(), keys, dim);
    for (int head = thread / 32; head < heads; head += kThreads / 32) Softmax(s, head, keys);
    __syncthreads();
    JG_UNROLL
    for (int i = 0; i < kOutputs; i++) {
      const int at = thread + i * kThreads;
      if (at < heads * dim) {
        const int head = at / dim;
        float value = 0;
        for (int j = 0; j < keys; j++) {
          value = fmaf(s.weight[head * kChunk + j], s.tile[j * (dim + 1) + at % dim], value);
        }
        output[i] = fmaf(value, s.gain[head], output[i] * s.keep[head]);
      }
    }
    __syncthreads();
  }
  JG_UNROLL
  for (int i = 0; i < kOutputs; i++) {
    const int at = thread + i * kThreads;
    if (at < heads * dim) out[row * ldout + head_offset + at] = output[i] / s.sum[at / dim];
  }
}

template <typename T>
int32_t Run(jg_stream* stream, const AttentionArgs& args) {
  const int64_t group = args.heads / args.kv_heads;
  const dim3 grid(static_cast<uint32_t>(args.batch->rows), static_cast<uint32_t>(args.kv_heads),
                  static_cast<uint32_t>((group + kHeads - 1) / kHeads));
  const CacheLayout layout = {args.kv_heads, args.head_dim};
  JG_CUDA((LaunchShared<AttentionSimtKernel<T>, sizeof(AttentionShared)>(
      grid, dim3(kThreads), stream->stream, *args.batch, static_cast<int>(group),
      static_cast<int>(args.head_dim), layout, args.scale, static_cast<const T*>(args.kv_pages),
      args.q, args.ldq, args.out, args.ldout)));
  return JG_OK;
}

}  // namespace

int32_t RunAttentionSimt(jg_stream* stream, const AttentionArgs& args) {
  return args.dtype == JG_F32 ? Run<float>(stream, args) : Run<uint16_t>(stream, args);
}

}  // namespace jangle
