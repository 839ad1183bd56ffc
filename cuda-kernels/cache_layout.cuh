// Where keys and values lie in a layer of the paged cache: pages of [2 = K, V][kv_heads][JG_PAGE]
// [head_dim] elements of T (float, or uint16_t for F16).
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "args.h"
#include "jangle.h"
#include "ptx/convert.cuh"

namespace jangle {

struct CacheLayout {
  int64_t kv_heads, head_dim;

  // Element 0 of a slot's key of one head; the value lies ValueOffset() elements further.
  __device__ __forceinline__ int64_t Key(const int32_t* page_table, int32_t slot,
                                         int64_t head) const {
    const int64_t page = page_table[slot / JG_PAGE];
    return (page * 2 * kv_heads + head) * JG_PAGE * head_dim + slot % JG_PAGE * head_dim;
  }
  __device__ __forceinline__ int64_t ValueOffset() const { return kv_heads * JG_PAGE * head_dim; }
};

// The slot of the key at `position` that a row sees.
__device__ __forceinline__ int32_t SlotOf(const BatchView& batch, int64_t row, int32_t position) {
  const int32_t linear = batch.linear[row];
  return position < linear ? position
                           : batch.tail_slots[batch.tail_begin[row] + (position - linear)];
}

__device__ __forceinline__ const int32_t* PageTable(const BatchView& batch, int64_t row) {
  return batch.pages + static_cast<int64_t>(batch.sequence[row]) * batch.max_pages;
}

__device__ __forceinline__ float ReadElement(const float* from) { return *from; }
__device__ __forceinline__ float ReadElement(const uint16_t* from) { return HalfToFloat(*from); }
__device__ __forceinline__ void WriteElement(float* to, float value) { *to = value; }
__device__ __forceinline__ void WriteElement(uint16_t* to, float value) {
  *to = FloatToHalf(value);
}

}  // namespace jangle
