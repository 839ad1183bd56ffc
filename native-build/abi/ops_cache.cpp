// Compute calls on positions and the KV cache: check the arguments, run the operation.
#include "checks.h"

using jangle::CheckBatch;
using jangle::CheckPositions;
using jangle::CheckScratch;
using jangle::Guard;
using jangle::IsCache;

extern "C" {

int32_t jg_rope(jg_stream* stream, jg_batch* batch, int64_t heads, int64_t head_dim,
                const float* table, int64_t table_positions, float* x, int64_t ldx) {
  return Guard([&] {
    JG_CHECK(CheckBatch("jg_rope", stream, batch));
    JG_REQUIRE(table != nullptr && x != nullptr, "jg_rope: null argument");
    JG_REQUIRE(heads > 0 && head_dim > 0 && head_dim % 2 == 0 && ldx >= heads * head_dim,
               "jg_rope: %lld heads of %lld in rows of %lld", static_cast<long long>(heads),
               static_cast<long long>(head_dim), static_cast<long long>(ldx));
    JG_CHECK(CheckPositions("jg_rope", batch, table_positions));
    const jangle::RopeArgs args{&batch->view, heads, head_dim, table, x, ldx};
    return jangle::RunRope(stream, args);
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
    return jangle::RunKvAppend(stream, args);
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
    const jangle::KvGatherArgs args{dtype,      kv_heads, head_dim, layers, layer_bytes,
                                    page_table, count,    from,     to,     kv_pages};
    return jangle::RunKvGather(stream, args);
  });
}

int32_t jg_accept(jg_stream* stream, jg_batch* batch, const int32_t* ids, int64_t ldids,
                  int32_t dtype, int64_t kv_heads, int64_t head_dim, int64_t layers,
                  int64_t layer_bytes, void* kv_pages) {
  return Guard([&] {
    JG_CHECK(CheckBatch("jg_accept", stream, batch));
    JG_REQUIRE(ids != nullptr && kv_pages != nullptr, "jg_accept: null argument");
    JG_REQUIRE(IsCache(dtype), "jg_accept: no cache format %d; expected F32 or F16", dtype);
    JG_REQUIRE(ldids > 0 && kv_heads > 0 && head_dim > 0 && layers > 0,
               "jg_accept: ids %lld apart, %lld heads of %lld, %lld layers",
               static_cast<long long>(ldids), static_cast<long long>(kv_heads),
               static_cast<long long>(head_dim), static_cast<long long>(layers));
    const jangle::BatchRows& rows = batch->rows;
    for (int32_t i = JG_MAX_TREE; i < *rows.live; i++) {
      JG_REQUIRE(rows.sequence[i] != rows.sequence[i - JG_MAX_TREE],
                 "jg_accept: sequence %d has more than %d rows", rows.sequence[i], JG_MAX_TREE);
    }
    const jangle::AcceptArgs args{
        &batch->view, rows.sequence_count, ids,     ldids, dtype, kv_heads, head_dim,
        layers,       layer_bytes,         kv_pages};
    return jangle::RunAccept(stream, args);
  });
}

int32_t jg_attention_scratch_bytes(jg_context* context, int64_t heads, int64_t head_dim,
                                   int64_t rows, int64_t max_pages, int64_t* scratch_bytes) {
  JG_REQUIRE(context != nullptr && scratch_bytes != nullptr,
             "jg_attention_scratch_bytes: null argument");
  JG_REQUIRE(heads > 0 && head_dim > 0 && rows > 0 && max_pages > 0,
             "jg_attention_scratch_bytes: %lld heads of %lld, %lld rows, %lld pages",
             static_cast<long long>(heads), static_cast<long long>(head_dim),
             static_cast<long long>(rows), static_cast<long long>(max_pages));
  *scratch_bytes = jangle::AttentionScratchBytes(context, heads, head_dim, rows, max_pages);
  return JG_OK;
}

int32_t jg_attention(jg_stream* stream, jg_batch* batch, int32_t dtype, int64_t heads,
                     int64_t kv_heads, int64_t head_dim, float scale, const void* kv_pages,
                     const float* q, int64_t ldq, float* out, int64_t ldout, void* scratch,
                     int64_t scratch_bytes) {
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
    const int64_t needed = jangle::AttentionScratchBytes(stream->context, heads, head_dim,
                                                         batch->view.rows, batch->view.max_pages);
    JG_CHECK(CheckScratch("jg_attention", needed, scratch, scratch_bytes));
    const jangle::AttentionArgs args{&batch->view, dtype, heads, kv_heads, head_dim, scale,
                                     kv_pages,     q,     ldq,   out,      ldout,    scratch};
    return jangle::RunAttention(stream, args);
  });
}

}  // extern "C"
