// Attention over packed samples: check the arguments, run the operation.
#include "checks.h"

using jangle::CheckScratch;
using jangle::Guard;
using jangle::IsSize;

namespace {

// Elements of a matrix of queries, so that no sum of such sizes overflows.
constexpr int64_t kMostElements = int64_t{1} << 48;

int32_t CheckHeads(const char* call, int64_t rows, int64_t heads, int64_t kv_heads,
                   int64_t head_dim) {
  JG_REQUIRE(IsSize(rows) && IsSize(heads) && IsSize(kv_heads) && IsSize(head_dim) &&
                 heads % kv_heads == 0 && heads * head_dim <= kMostElements / rows,
             "%s: %lld rows, %lld heads on %lld of %lld", call, static_cast<long long>(rows),
             static_cast<long long>(heads), static_cast<long long>(kv_heads),
             static_cast<long long>(head_dim));
  return JG_OK;
}

int32_t CheckGaps(const char* call, const int32_t* gaps) {
  JG_REQUIRE(reinterpret_cast<uintptr_t>(gaps) % 8 == 0, "%s: gaps not aligned to 8 bytes", call);
  return JG_OK;
}

int32_t CheckDistances(const char* call, int64_t heads, int64_t kv_heads, int64_t head_dim,
                       int64_t ldq, int64_t ldkv, int64_t ldout) {
  JG_REQUIRE(ldq >= heads * head_dim && ldkv >= kv_heads * head_dim && ldout >= heads * head_dim,
             "%s: rows of %lld, %lld and %lld for %lld and %lld heads of %lld", call,
             static_cast<long long>(ldq), static_cast<long long>(ldkv),
             static_cast<long long>(ldout), static_cast<long long>(heads),
             static_cast<long long>(kv_heads), static_cast<long long>(head_dim));
  return JG_OK;
}

}  // namespace

extern "C" {

int32_t jg_attention_forward_scratch_bytes(jg_context* context, int64_t rows, int64_t heads,
                                           int64_t kv_heads, int64_t head_dim,
                                           int64_t* scratch_bytes) {
  JG_REQUIRE(context != nullptr && scratch_bytes != nullptr,
             "jg_attention_forward_scratch_bytes: null argument");
  JG_CHECK(CheckHeads("jg_attention_forward_scratch_bytes", rows, heads, kv_heads, head_dim));
  *scratch_bytes = jangle::AttentionForwardScratchBytes(context, rows, heads, kv_heads, head_dim);
  return JG_OK;
}

int32_t jg_attention_backward_scratch_bytes(jg_context* context, int64_t rows, int64_t heads,
                                            int64_t kv_heads, int64_t head_dim,
                                            int64_t* scratch_bytes) {
  JG_REQUIRE(context != nullptr && scratch_bytes != nullptr,
             "jg_attention_backward_scratch_bytes: null argument");
  JG_CHECK(CheckHeads("jg_attention_backward_scratch_bytes", rows, heads, kv_heads, head_dim));
  *scratch_bytes = jangle::AttentionBackwardScratchBytes(context, rows, heads, kv_heads, head_dim);
  return JG_OK;
}

int32_t jg_attention_forward(jg_stream* stream, int64_t rows, const int32_t* start,
                             const int32_t* gaps, int64_t heads, int64_t kv_heads, int64_t head_dim,
                             float scale, const float* q, int64_t ldq, const float* k,
                             const float* v, int64_t ldkv, float* out, int64_t ldout, float* lse,
                             void* scratch, int64_t scratch_bytes) {
  return Guard([&] {
    const char* call = "jg_attention_forward";
    JG_REQUIRE(stream != nullptr && start != nullptr && q != nullptr && k != nullptr &&
                   v != nullptr && out != nullptr && lse != nullptr,
               "%s: null argument", call);
    JG_CHECK(CheckGaps(call, gaps));
    JG_CHECK(CheckHeads(call, rows, heads, kv_heads, head_dim));
    JG_CHECK(CheckDistances(call, heads, kv_heads, head_dim, ldq, ldkv, ldout));
    JG_CHECK(CheckScratch(
        call,
        jangle::AttentionForwardScratchBytes(stream->context, rows, heads, kv_heads, head_dim),
        scratch, scratch_bytes));
    const jangle::AttentionForwardArgs args{rows,  start, gaps, heads,  kv_heads, head_dim,
                                            scale, q,     ldq,  k,      v,        ldkv,
                                            out,   ldout, lse,  scratch};
    return jangle::RunAttentionForward(stream, args);
  });
}

int32_t jg_attention_backward(jg_stream* stream, int64_t rows, const int32_t* start,
                              const int32_t* gaps, int64_t heads, int64_t kv_heads,
                              int64_t head_dim, float scale, const float* q, int64_t ldq,
                              const float* k, const float* v, int64_t ldkv, const float* out,
                              const float* dout, int64_t ldout, const float* lse, float* dq,
                              float* dk, float* dv, void* scratch, int64_t scratch_bytes) {
  return Guard([&] {
    const char* call = "jg_attention_backward";
    JG_REQUIRE(stream != nullptr && start != nullptr && q != nullptr && k != nullptr &&
                   v != nullptr && out != nullptr && dout != nullptr && lse != nullptr &&
                   dq != nullptr && dk != nullptr && dv != nullptr,
               "%s: null argument", call);
    JG_CHECK(CheckGaps(call, gaps));
    JG_CHECK(CheckHeads(call, rows, heads, kv_heads, head_dim));
    JG_CHECK(CheckDistances(call, heads, kv_heads, head_dim, ldq, ldkv, ldout));
    JG_CHECK(CheckScratch(
        call,
        jangle::AttentionBackwardScratchBytes(stream->context, rows, heads, kv_heads, head_dim),
        scratch, scratch_bytes));
    const jangle::AttentionBackwardArgs args{rows,  start, gaps, heads, kv_heads, head_dim, scale,
                                             q,     ldq,   k,    v,     ldkv,     out,      dout,
                                             ldout, lse,   dq,   dk,    dv,       scratch};
    return jangle::RunAttentionBackward(stream, args);
  });
}

}  // extern "C"
