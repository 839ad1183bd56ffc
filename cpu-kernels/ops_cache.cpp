// Compute calls on positions and the KV cache: check the arguments, cut the work, run the kernel.
#include <cstring>

#include "checks.h"

using jangle::CheckBatch;
using jangle::Guard;
using jangle::IsCache;
using jangle::MinItems;

extern "C" {

int32_t jg_rope(jg_stream* stream, jg_batch* batch, int64_t heads, int64_t head_dim,
                const float* table, int64_t table_positions, float* x, int64_t ldx) {
  return Guard([&] {
    JG_CHECK(CheckBatch("jg_rope", stream, batch));
    JG_REQUIRE(table != nullptr && x != nullptr, "jg_rope: null argument");
    JG_REQUIRE(heads > 0 && head_dim > 0 && head_dim % 2 == 0 && ldx >= heads * head_dim,
               "jg_rope: %lld heads of %lld in rows of %lld", static_cast<long long>(heads),
               static_cast<long long>(head_dim), static_cast<long long>(ldx));
    for (int32_t i = 0; i < batch->view.rows; i++) {
      JG_REQUIRE(batch->position[i] < table_positions,
                 "jg_rope: row %d: position %d; the table has %lld", i, batch->position[i],
                 static_cast<long long>(table_positions));
    }
    const jangle::RopeArgs args{&batch->view, heads, head_dim, table, x, ldx};
    return stream->Submit([context = stream->context, args] {
      context->pool.Run(
          args.batch->rows, MinItems(args.heads * args.head_dim),
          [&](int64_t begin, int64_t end) { context->kernels.rope(args, begin, end); });
    });
  });
}

int32_t jg_kv_append(jg_stream* stream, jg_batch* batch, int32_t dtype, int64_t kv_heads,
                     int64_t head_dim, const float* k, int64_t ldk, const float* v, int64_t ldv,
                     void* kv_pages) {
  return Guard([&] {
    JG_CHECK(CheckBatch("jg_kv_append", stream, batch));
    JG_REQUIRE(k != nullptr && v != nullptr && kv_pages != nullptr, "jg_kv_append: null argument");
    JG_REQUIRE(IsCache(dtype), "jg_kv_append: no cache format %d; expected F32 or F16", dtype);
    JG_REQUIRE(
        kv_heads > 0 && head_dim > 0 && ldk >= kv_heads * head_dim && ldv >= kv_heads * head_dim,
        "jg_kv_append: %lld heads of %lld", static_cast<long long>(kv_heads),
        static_cast<long long>(head_dim));
    const jangle::KvAppendArgs args{&batch->view, dtype, kv_heads, head_dim, k,
                                    ldk,          v,     ldv,      kv_pages};
    return stream->Submit([context = stream->context, args] {
      context->pool.Run(
          args.batch->rows, MinItems(2 * args.kv_heads * args.head_dim),
          [&](int64_t begin, int64_t end) { context->kernels.kv_append(args, begin, end); });
    });
  });
}

int32_t jg_kv_gather(jg_stream* stream, int32_t dtype, int64_t kv_heads, int64_t head_dim,
                     int64_t layers, int64_t layer_bytes, const int32_t* page_table,
                     int64_t page_count, int64_t count, const int32_t* from, const int32_t* to,
                     void* kv_pages) {
  return Guard([&] {
    JG_REQUIRE(stream != nullptr && page_table != nullptr && kv_pages != nullptr &&
                   (count == 0 || (from != nullptr && to != nullptr)),
               "jg_kv_gather: null argument");
    JG_REQUIRE(IsCache(dtype), "jg_kv_gather: no cache format %d; expected F32 or F16", dtype);
    JG_REQUIRE(kv_heads > 0 && head_dim > 0 && layers > 0 && count >= 0,
               "jg_kv_gather: %lld heads of %lld, %lld layers, %lld slots",
               static_cast<long long>(kv_heads), static_cast<long long>(head_dim),
               static_cast<long long>(layers), static_cast<long long>(count));
    for (int64_t i = 0; i < count; i++) {
      JG_REQUIRE(to[i] >= 0 && to[i] <= from[i] && from[i] < page_count * JG_PAGE &&
                     (i == 0 || (to[i] > to[i - 1] && from[i] > from[i - 1])),
                 "jg_kv_gather: slot %d to %d of %lld pages; both must ascend and to <= from",
                 from[i], to[i], static_cast<long long>(page_count));
    }
    JG_REQUIRE(stream->recording == nullptr, "jg_kv_gather cannot be recorded on the CPU");
    const int64_t head_bytes = head_dim * (dtype == JG_F32 ? 4 : 2);
    const int64_t block_bytes = kv_heads * JG_PAGE * head_bytes;  // K, or V, of one page
    const auto copy_layers = [=](int64_t begin, int64_t end) {
      for (int64_t layer = begin; layer < end; layer++) {
        char* base = static_cast<char*>(kv_pages) + layer * layer_bytes;
        // Ascending, and no target lies past its source: nothing is overwritten before it is read.
        for (int64_t i = 0; i < count; i++) {
          if (from[i] == to[i]) continue;
          char* source = base + page_table[from[i] / JG_PAGE] * 2 * block_bytes +
                         from[i] % JG_PAGE * head_bytes;
          char* target =
              base + page_table[to[i] / JG_PAGE] * 2 * block_bytes + to[i] % JG_PAGE * head_bytes;
          for (int64_t head = 0; head < 2 * kv_heads; head++) {
            std::memcpy(target + head * JG_PAGE * head_bytes, source + head * JG_PAGE * head_bytes,
                        static_cast<size_t>(head_bytes));
          }
        }
      }
    };
    stream->context->pool.Run(layers, MinItems(2 * count * kv_heads * head_dim), copy_layers);
    return JG_OK;
  });
}

int32_t jg_attention(jg_stream* stream, jg_batch* batch, int32_t dtype, int64_t heads,
                     int64_t kv_heads, int64_t head_dim, float scale, const void* kv_pages,
                     const float* q, int64_t ldq, float* out, int64_t ldout) {
  return Guard([&] {
    JG_CHECK(CheckBatch("jg_attention", stream, batch));
    JG_REQUIRE(kv_pages != nullptr && q != nullptr && out != nullptr,
               "jg_attention: null argument");
    JG_REQUIRE(IsCache(dtype), "jg_attention: no cache format %d; expected F32 or F16", dtype);
    JG_REQUIRE(heads > 0 && kv_heads > 0 && heads % kv_heads == 0 && heads / kv_heads <= 64,
               "jg_attention: %lld heads over %lld; expected a multiple of at most 64",
               static_cast<long long>(heads), static_cast<long long>(kv_heads));
    JG_REQUIRE(head_dim > 0 && head_dim % 2 == 0 && head_dim <= 256,
               "jg_attention: head_dim %lld; expected an even number of at most 256",
               static_cast<long long>(head_dim));
    JG_REQUIRE(ldq >= heads * head_dim && ldout >= heads * head_dim,
               "jg_attention: rows of %lld and %lld for %lld heads of %lld",
               static_cast<long long>(ldq), static_cast<long long>(ldout),
               static_cast<long long>(heads), static_cast<long long>(head_dim));
    const jangle::AttentionArgs args{&batch->view, dtype, heads, kv_heads, head_dim, scale,
                                     kv_pages,     q,     ldq,   out,      ldout};
    return stream->Submit([context = stream->context, args] {
      context->pool.Run(args.batch->rows * args.kv_heads, 1, [&](int64_t begin, int64_t end) {
        context->kernels.attention(args, begin, end);
      });
    });
  });
}

}  // extern "C"
