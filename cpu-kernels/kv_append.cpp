// Writes the K and V of each row, [kv_heads][head_dim], to the row's slot of the paged cache:
// page pages[slot / 64] of the row's sequence, laid out [2 = K, V][kv_heads][64][head_dim], at
// slot % 64. F16 caches round to nearest even.
#include <string.h>

#include "jangle.h"
#include "simd.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

void Copy(float* to, const float* from, int64_t n) {
  memcpy(to, from, static_cast<size_t>(n) * sizeof(float));
}

void Copy(uint16_t* to, const float* from, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) StoreF16(to + i, Load(from + i));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    StoreF16Part(to + i, LoadPart(from + i, rest), rest);
  }
}

template <typename T>
void AppendRow(const KvAppendArgs& args, int64_t row) {
  const BatchView& batch = *args.batch;
  const int32_t slot = batch.slot[row];
  const int32_t* pages = batch.pages + int64_t{batch.sequence[row]} * batch.max_pages;
  const int64_t head_stride = JG_PAGE * args.head_dim;
  const int64_t side_stride = args.kv_heads * head_stride;
  T* k = static_cast<T*>(args.kv_pages) + pages[slot / JG_PAGE] * 2 * side_stride +
         (slot % JG_PAGE) * args.head_dim;
  T* v = k + side_stride;
  for (int64_t head = 0; head < args.kv_heads; head++) {
    Copy(k + head * head_stride, args.k + row * args.ldk + head * args.head_dim, args.head_dim);
    Copy(v + head * head_stride, args.v + row * args.ldv + head * args.head_dim, args.head_dim);
  }
}

}  // namespace

void KvAppend(const KvAppendArgs& args, int64_t begin, int64_t end) {
  const int64_t live = *args.batch->live;
  for (int64_t row = begin; row < end && row < live; row++) {
    if (args.dtype == JG_F16) {
      AppendRow<uint16_t>(args, row);
    } else {
      AppendRow<float>(args, row);
    }
  }
}

}  // namespace jangle::JG_TIER_NS
