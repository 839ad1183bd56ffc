// jg_gemm: check the arguments, run the operation.
#include "checks.h"

using jangle::CheckScratch;
using jangle::Guard;
using jangle::IsSize;

namespace {

// Sizes of at most 2^31, so that no product of two overflows.
int32_t CheckProduct(const char* call, int32_t products, int64_t m, int64_t n, int64_t k) {
  JG_REQUIRE(products == JG_F32 || products == JG_BF16,
             "%s: products of format %d; there are those of JG_F32 and JG_BF16", call, products);
  JG_REQUIRE(IsSize(m) && IsSize(n) && IsSize(k), "%s: a product of %lld x %lld by %lld x %lld",
             call, static_cast<long long>(m), static_cast<long long>(k), static_cast<long long>(k),
             static_cast<long long>(n));
  return jangle::CheckGemmProducts(call, products);
}

}  // namespace

extern "C" {

int32_t jg_gemm_scratch_bytes(jg_context* context, int32_t products, int64_t m, int64_t n,
                              int64_t k, int64_t* scratch_bytes) {
  JG_REQUIRE(context != nullptr && scratch_bytes != nullptr,
             "jg_gemm_scratch_bytes: null argument");
  JG_CHECK(CheckProduct("jg_gemm_scratch_bytes", products, m, n, k));
  *scratch_bytes = jangle::GemmScratchBytes(context, products, m, n, k);
  return JG_OK;
}

int32_t jg_gemm(jg_stream* stream, int32_t products, int64_t m, int64_t n, int64_t k, float alpha,
                int32_t transpose_a, const float* a, int64_t lda, int32_t transpose_b,
                const float* b, int64_t ldb, int32_t accumulate, float* c, int64_t ldc,
                void* scratch, int64_t scratch_bytes) {
  return Guard([&] {
    JG_REQUIRE(stream != nullptr, "jg_gemm: stream is null");
    JG_CHECK(CheckProduct("jg_gemm", products, m, n, k));
    JG_REQUIRE(a != nullptr && b != nullptr && c != nullptr, "jg_gemm: null argument");
    const int64_t a_columns = transpose_a != 0 ? m : k;
    const int64_t b_columns = transpose_b != 0 ? k : n;
    JG_REQUIRE(lda >= a_columns && ldb >= b_columns && ldc >= n,
               "jg_gemm: rows of %lld, %lld and %lld elements, %lld, %lld and %lld apart",
               static_cast<long long>(a_columns), static_cast<long long>(b_columns),
               static_cast<long long>(n), static_cast<long long>(lda), static_cast<long long>(ldb),
               static_cast<long long>(ldc));
    JG_CHECK(CheckScratch("jg_gemm", jangle::GemmScratchBytes(stream->context, products, m, n, k),
                          scratch, scratch_bytes));
    const jangle::GemmArgs args{
        products,        m, n,   k,      alpha, transpose_a != 0, a, lda, transpose_b != 0, b, ldb,
        accumulate != 0, c, ldc, scratch};
    return jangle::RunGemm(stream, args);
  });
}

}  // extern "C"
