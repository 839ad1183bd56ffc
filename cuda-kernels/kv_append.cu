// Writes the rows' keys and values, [kv_heads][head_dim], to their slots of the cache; F16 caches
// round to nearest even. A thread takes one element of both.
#include "cache_layout.cuh"
#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "run.h"

namespace jangle {
namespace {

constexpr int kThreads = 128;

// Grid: row, elements of a row.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    KvAppendKernel(BatchView batch, CacheLayout layout, const float* k, int64_t ldk, const float* v,
                   int64_t ldv, T* cache) {
  const int32_t i = static_cast<int32_t>(blockIdx.y * kThreads + threadIdx.x);
  const int32_t head_dim = static_cast<int32_t>(layout.head_dim);
  const int32_t head = i / head_dim;
  if (head >= layout.kv_heads) return;
  const int64_t row = blockIdx.x;
  if (row >= *batch.live) return;
  const int64_t at = layout.Key(PageTable(batch, row), batch.slot[row], head) + i % head_dim;
  WriteElement(cache + at, k[row * ldk + i]);
  WriteElement(cache + at + layout.ValueOffset(), v[row * ldv + i]);
}

template <typename T>
int32_t Run(jg_stream* stream, const KvAppendArgs& args) {
  const int64_t elements = args.kv_heads * args.head_dim;
  const dim3 grid(static_cast<uint32_t>(args.batch->rows),
                  static_cast<uint32_t>((elements + kThreads - 1) / kThreads));
  const CacheLayout layout = {args.kv_heads, args.head_dim};
  JG_CUDA(Launch(KvAppendKernel<T>, grid, dim3(kThreads), 0, stream->stream, *args.batch, layout,
                 args.k, args.ldk, args.v, args.ldv, static_cast<T*>(args.kv_pages)));
  return JG_OK;
}

}  // namespace

int32_t RunKvAppend(jg_stream* stream, const KvAppendArgs& args) {
  return args.dtype == JG_F32 ? Run<float>(stream, args) : Run<uint16_t>(stream, args);
}

}  // namespace jangle
