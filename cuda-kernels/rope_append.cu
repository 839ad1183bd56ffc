// Turns the queries of each row in place and its keys on their way to the cache, and writes the
// values there: rope.cu and kv_append.cu in one kernel, element by element. A thread takes one pair
// (j, j + head_dim / 2) of a head: of the queries, then of the keys, then of the values.
#include "cache_layout.cuh"
#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "rotate.cuh"
#include "run.h"

namespace jangle {
namespace {

constexpr int kThreads = 128;

struct RopeAppend {
  BatchView batch;
  CacheLayout layout;
  int32_t heads;
  const float* table;
  float* q;
  int64_t ldq;
  const float* k;
  int64_t ldk;
  const float* v;
  int64_t ldv;
};

// Grid: row, pairs of a row.
template <typename T>
__global__ void __launch_bounds__(kThreads) RopeAppendKernel(RopeAppend p, T* cache) {
  const int64_t row = blockIdx.x;
  if (row >= *p.batch.live) return;
  const int32_t half = static_cast<int32_t>(p.layout.head_dim / 2);
  const int32_t kv_heads = static_cast<int32_t>(p.layout.kv_heads);
  const int32_t pair = static_cast<int32_t>(blockIdx.y * kThreads + threadIdx.x);
  int32_t head = pair / half;
  const int32_t j = pair % half;
  const float* angles = p.table + static_cast<int64_t>(p.batch.position[row]) * 2 * half + j;
  if (head < p.heads) {
    float* at = p.q + row * p.ldq + head * 2 * half + j;
    const float2 turned = Rotate(at[0], at[half], angles[0], angles[half]);
    at[0] = turned.x;
    at[half] = turned.y;
    return;
  }
  head -= p.heads;
  if (head >= 2 * kv_heads) return;
  const bool key = head < kv_heads;
  if (!key) head -= kv_heads;
  T* to = cache + p.layout.Key(PageTable(p.batch, row), p.batch.slot[row], head) + j;
  if (key) {
    const float* at = p.k + row * p.ldk + head * 2 * half + j;
    const float2 turned = Rotate(at[0], at[half], angles[0], angles[half]);
    WriteElement(to, turned.x);
    WriteElement(to + half, turned.y);
  } else {
    const float* at = p.v + row * p.ldv + head * 2 * half + j;
    to += p.layout.ValueOffset();
    WriteElement(to, at[0]);
    WriteElement(to + half, at[half]);
  }
}

template <typename T>
int32_t Run(jg_stream* stream, const RopeAppendArgs& args) {
  const KvAppendArgs& append = args.append;
  const int64_t pairs = (args.queries.heads + 2 * append.kv_heads) * append.head_dim / 2;
  const dim3 grid(static_cast<uint32_t>(append.batch->rows),
                  static_cast<uint32_t>((pairs + kThreads - 1) / kThreads));
  const RopeAppend p = {*append.batch,
                        {append.kv_heads, append.head_dim},
                        static_cast<int32_t>(args.queries.heads),
                        args.queries.table,
                        args.queries.x,
                        args.queries.ldx,
                        append.k,
                        append.ldk,
                        append.v,
                        append.ldv};
  JG_CUDA(Launch(RopeAppendKernel<T>, grid, dim3(kThreads), 0, stream->stream, p,
                 static_cast<T*>(append.kv_pages)));
  return JG_OK;
}

}  // namespace

int32_t RunRopeAppend(jg_stream* stream, const RopeAppendArgs& args) {
  return args.append.dtype == JG_F32 ? Run<float>(stream, args) : Run<uint16_t>(stream, args);
}

}  // namespace jangle
