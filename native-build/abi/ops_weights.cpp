// Compute calls on packed weights: check the arguments, run the operation.
#include "checks.h"

using jangle::CheckBatch;
using jangle::CheckPacked;
using jangle::CheckProduct;
using jangle::CheckScratch;
using jangle::CheckWeight;
using jangle::Guard;

namespace {

int64_t RowBytes(int32_t dtype, int64_t k) {
  switch (dtype) {
    case JG_F32:
      return k * 4;
    case JG_F16:
    case JG_BF16:
      return k * 2;
    case JG_Q8_0:
      return k / 32 * 34;
    case JG_Q4_0:
      return k / 32 * 18;
    default:
      return k / 32 * 20;
  }
}

}  // namespace

extern "C" {

int32_t jg_pack_bytes(jg_context* context, int32_t dtype, int64_t n, int64_t k,
                      int64_t* packed_bytes) {
  JG_REQUIRE(context != nullptr && packed_bytes != nullptr, "jg_pack_bytes: null argument");
  JG_CHECK(CheckWeight("jg_pack_bytes", dtype, n, k));
  *packed_bytes = jangle::PackBytes(context, dtype, n, k);
  return JG_OK;
}

int32_t jg_pack(jg_stream* stream, int32_t dtype, int64_t n, int64_t k, int64_t n_offset,
                int64_t n_rows, const void* source, int64_t source_bytes, void* packed) {
  return Guard([&] {
    JG_REQUIRE(stream != nullptr && source != nullptr, "jg_pack: null argument");
    JG_CHECK(CheckWeight("jg_pack", dtype, n, k));
    JG_CHECK(CheckPacked("jg_pack", packed));
    JG_REQUIRE(n_offset >= 0 && n_rows > 0 && n_offset <= n - n_rows,
               "jg_pack: rows %lld + %lld of %lld", static_cast<long long>(n_offset),
               static_cast<long long>(n_rows), static_cast<long long>(n));
    JG_REQUIRE(source_bytes == n_rows * RowBytes(dtype, k),
               "jg_pack: the source has %lld bytes; expected %lld",
               static_cast<long long>(source_bytes),
               static_cast<long long>(n_rows * RowBytes(dtype, k)));
    const jangle::PackArgs args{dtype, n, k, n_offset, n_rows, source, source_bytes, packed};
    return jangle::RunPack(stream, args);
  });
}

int32_t jg_embed(jg_stream* stream, jg_batch* batch, int32_t dtype, int64_t n, int64_t k,
                 const void* packed, float* out, int64_t ldout) {
  return Guard([&] {
    JG_CHECK(CheckBatch("jg_embed", stream, batch));
    JG_CHECK(CheckWeight("jg_embed", dtype, n, k));
    JG_CHECK(CheckPacked("jg_embed", packed));
    JG_REQUIRE(out != nullptr && ldout >= k, "jg_embed: null or short rows");
    for (int32_t i = 0; i < batch->view.rows; i++) {
      JG_REQUIRE(batch->rows.token[i] < n, "jg_embed: row %d: token %d of a vocabulary of %lld", i,
                 batch->rows.token[i], static_cast<long long>(n));
    }
    const jangle::EmbedArgs args{&batch->view, dtype, n, k, packed, out, ldout};
    return jangle::RunEmbed(stream, args);
  });
}

int32_t jg_matmul_scratch_bytes(jg_context* context, int32_t dtype, int64_t n, int64_t k,
                                int64_t rows, int64_t* scratch_bytes) {
  JG_REQUIRE(context != nullptr && scratch_bytes != nullptr,
             "jg_matmul_scratch_bytes: null argument");
  JG_CHECK(CheckWeight("jg_matmul_scratch_bytes", dtype, n, k));
  JG_REQUIRE(rows > 0, "jg_matmul_scratch_bytes: %lld rows", static_cast<long long>(rows));
  *scratch_bytes = jangle::MatmulScratchBytes(context, dtype, n, k, rows);
  return JG_OK;
}

int32_t jg_matmul(jg_stream* stream, int32_t dtype, int64_t n, int64_t k, const void* packed,
                  int64_t rows, const float* x, int64_t ldx, float* y, int64_t ldy,
                  const float* bias, int32_t accumulate, void* scratch, int64_t scratch_bytes) {
  return Guard([&] {
    JG_CHECK(CheckProduct("jg_matmul", stream, dtype, n, k, packed, rows, x, ldx, y, ldy));
    JG_CHECK(CheckScratch("jg_matmul",
                          jangle::MatmulScratchBytes(stream->context, dtype, n, k, rows), scratch,
                          scratch_bytes));
    const jangle::MatmulArgs args{dtype, n,   k,    packed,          rows,   x, ldx,
                                  y,     ldy, bias, accumulate != 0, scratch};
    return jangle::RunMatmul(stream, args);
  });
}

}  // extern "C"
