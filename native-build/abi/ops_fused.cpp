// Fused compute calls: check the arguments, run the operation.
#include "checks.h"

using jangle::CheckBatch;
using jangle::CheckPositions;
using jangle::CheckProduct;
using jangle::CheckScratch;
using jangle::CheckWeight;
using jangle::Guard;
using jangle::IsCache;

extern "C" {

int32_t jg_fused_matmul_scratch_bytes(jg_context* context, int32_t dtype, int64_t n, int64_t k,
                                      int64_t rows, int64_t* scratch_bytes) {
  JG_REQUIRE(context != nullptr && scratch_bytes != nullptr,
             "jg_fused_matmul_scratch_bytes: null argument");
  JG_CHECK(CheckWeight("jg_fused_matmul_scratch_bytes", dtype, n, k));
  JG_REQUIRE(rows > 0, "jg_fused_matmul_scratch_bytes: %lld rows", static_cast<long long>(rows));
  *scratch_bytes = jangle::FusedMatmulScratchBytes(context, dtype, n, k, rows);
  return JG_OK;
}

int32_t jg_rmsnorm_matmul(jg_stream* stream, int32_t dtype, int64_t n, int64_t k,
                          const void* packed, int64_t rows, const float* x, int64_t ldx,
                          const float* norm, float eps, float* y, int64_t ldy, const float* bias,
                          int32_t accumulate, void* scratch, int64_t scratch_bytes) {
  return Guard([&] {
    const char* call = "jg_rmsnorm_matmul";
    JG_CHECK(CheckProduct(call, stream, dtype, n, k, packed, rows, x, ldx, y, ldy));
    JG_REQUIRE(norm != nullptr, "%s: norm is null", call);
    JG_CHECK(CheckScratch(call, jangle::FusedMatmulScratchBytes(stream->context, dtype, n, k, rows),
                          scratch, scratch_bytes));
    const jangle::RmsnormMatmulArgs args{
        {dtype, n, k, packed, rows, x, ldx, y, ldy, bias, accumulate != 0, scratch}, norm, eps};
    return jangle::RunRmsnormMatmul(stream, args);
  });
}

int32_t jg_swiglu_matmul(jg_stream* stream, int32_t dtype, int64_t n, int64_t k, const void* packed,
                         int64_t rows, const float* gate, const float* up, int64_t ldx, float* y,
                         int64_t ldy, const float* bias, int32_t accumulate, void* scratch,
                         int64_t scratch_bytes) {
  return Guard([&] {
    const char* call = "jg_swiglu_matmul";
    JG_CHECK(CheckProduct(call, stream, dtype, n, k, packed, rows, gate, ldx, y, ldy));
    JG_REQUIRE(up != nullptr, "%s: up is null", call);
    JG_CHECK(CheckScratch(call, jangle::FusedMatmulScratchBytes(stream->context, dtype, n, k, rows),
                          scratch, scratch_bytes));
    const jangle::SwigluMatmulArgs args{
        {dtype, n, k, packed, rows, gate, ldx, y, ldy, bias, accumulate != 0, scratch}, up};
    return jangle::RunSwigluMatmul(stream, args);
  });
}

int32_t jg_rope_append(jg_stream* stream, jg_batch* batch, int64_t heads, int64_t kv_heads,
                       int64_t head_dim, const float* table, int64_t table_positions, float* q,
                       int64_t ldq, float* k, int64_t ldk, const float* v, int64_t ldv,
                       int32_t dtype, void* kv_pages) {
  return Guard([&] {
    const char* call = "jg_rope_append";
    JG_CHECK(CheckBatch(call, stream, batch));
    JG_REQUIRE(
        table != nullptr && q != nullptr && k != nullptr && v != nullptr && kv_pages != nullptr,
        "%s: null argument", call);
    JG_REQUIRE(IsCache(dtype), "%s: no cache format %d; expected F32 or F16", call, dtype);
    JG_REQUIRE(heads > 0 && kv_heads > 0 && head_dim > 0 && head_dim % 2 == 0 &&
                   ldq >= heads * head_dim && ldk >= kv_heads * head_dim &&
                   ldv >= kv_heads * head_dim,
               "%s: %lld heads over %lld of %lld in rows of %lld, %lld and %lld", call,
               static_cast<long long>(heads), static_cast<long long>(kv_heads),
               static_cast<long long>(head_dim), static_cast<long long>(ldq),
               static_cast<long long>(ldk), static_cast<long long>(ldv));
    JG_CHECK(CheckPositions(call, batch, table_positions));
    const jangle::RopeAppendArgs args{
        {&batch->view, heads, head_dim, table, q, ldq},
        {&batch->view, kv_heads, head_dim, table, k, ldk},
        {&batch->view, dtype, kv_heads, head_dim, k, ldk, v, ldv, kv_pages}};
    return jangle::RunRopeAppend(stream, args);
  });
}

}  // extern "C"
