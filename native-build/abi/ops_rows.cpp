// Compute calls on rows alone: check the arguments, run the operation.
#include "checks.h"

using jangle::CheckBatch;
using jangle::CheckRows;
using jangle::CheckScratch;
using jangle::Guard;

extern "C" {

int32_t jg_rmsnorm(jg_stream* stream, int64_t rows, int64_t groups, int64_t n, const float* x,
                   int64_t ldx, const float* weight, float eps, float* y, int64_t ldy) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_rmsnorm", stream, rows, n));
    JG_REQUIRE(x != nullptr && weight != nullptr && y != nullptr, "jg_rmsnorm: null argument");
    JG_REQUIRE(groups > 0 && ldx >= groups * n && ldy >= groups * n,
               "jg_rmsnorm: %lld groups of %lld in rows of %lld and %lld",
               static_cast<long long>(groups), static_cast<long long>(n),
               static_cast<long long>(ldx), static_cast<long long>(ldy));
    const jangle::RmsnormArgs args{rows, groups, n, x, ldx, weight, eps, y, ldy};
    return jangle::RunRmsnorm(stream, args);
  });
}

int32_t jg_swiglu(jg_stream* stream, int64_t rows, int64_t n, const float* gate, const float* up,
                  int64_t ldx, float* out, int64_t ldout) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_swiglu", stream, rows, n));
    JG_REQUIRE(gate != nullptr && up != nullptr && out != nullptr && ldx >= n && ldout >= n,
               "jg_swiglu: null or short rows");
    const jangle::SwigluArgs args{rows, n, gate, up, ldx, out, ldout};
    return jangle::RunSwiglu(stream, args);
  });
}

int32_t jg_residual(jg_stream* stream, int64_t rows, int64_t n, const float* x, int64_t ldx,
                    float* y, int64_t ldy) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_residual", stream, rows, n));
    JG_REQUIRE(x != nullptr && y != nullptr && ldx >= n && ldy >= n,
               "jg_residual: null or short rows");
    const jangle::ResidualArgs args{rows, n, x, ldx, y, ldy};
    return jangle::RunResidual(stream, args);
  });
}

int32_t jg_argmax(jg_stream* stream, int64_t rows, int64_t n, const float* logits, int64_t ldlogits,
                  int32_t* ids) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_argmax", stream, rows, n));
    JG_REQUIRE(logits != nullptr && ids != nullptr && ldlogits >= n,
               "jg_argmax: null or short rows");
    const jangle::ArgmaxArgs args{rows, n, logits, ldlogits, ids};
    return jangle::RunArgmax(stream, args);
  });
}

int32_t jg_topk(jg_stream* stream, int64_t rows, int64_t n, int64_t k, const float* logits,
                int64_t ldlogits, int32_t* ids, float* values) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_topk", stream, rows, n));
    JG_REQUIRE(logits != nullptr && ids != nullptr && values != nullptr && ldlogits >= n,
               "jg_topk: null or short rows");
    JG_REQUIRE(k > 0 && k <= 64 && k <= n, "jg_topk: k %lld of %lld; expected 1 to 64",
               static_cast<long long>(k), static_cast<long long>(n));
    const jangle::TopkArgs args{rows, n, k, logits, ldlogits, ids, values};
    return jangle::RunTopk(stream, args);
  });
}

int32_t jg_sample_scratch_bytes(jg_context* context, int64_t rows, int64_t n,
                                int64_t* scratch_bytes) {
  JG_REQUIRE(context != nullptr && scratch_bytes != nullptr,
             "jg_sample_scratch_bytes: null argument");
  JG_REQUIRE(rows > 0 && n > 0, "jg_sample_scratch_bytes: %lld rows of %lld",
             static_cast<long long>(rows), static_cast<long long>(n));
  *scratch_bytes = jangle::SampleScratchBytes(context, rows, n);
  return JG_OK;
}

int32_t jg_sample(jg_stream* stream, jg_batch* batch, int64_t first_row, int64_t rows, int64_t n,
                  const float* logits, int64_t ldlogits, int32_t* ids, void* scratch,
                  int64_t scratch_bytes) {
  return Guard([&] {
    JG_CHECK(CheckBatch("jg_sample", stream, batch));
    JG_CHECK(CheckRows("jg_sample", stream, rows, n));
    JG_REQUIRE(first_row >= 0 && first_row <= batch->view.rows - rows,
               "jg_sample: rows %lld + %lld of %d", static_cast<long long>(first_row),
               static_cast<long long>(rows), batch->view.rows);
    JG_REQUIRE(logits != nullptr && ids != nullptr && ldlogits >= n,
               "jg_sample: null or short rows");
    for (int64_t i = first_row; i < first_row + rows; i++) {
      const int32_t sequence = batch->rows.sequence[i];
      JG_REQUIRE(batch->rows.sampling[sequence].temperature > 0,
                 "jg_sample: sequence %d has no sampling; call jg_batch_sampling before "
                 "jg_batch_set",
                 sequence);
    }
    JG_CHECK(CheckScratch("jg_sample", jangle::SampleScratchBytes(stream->context, rows, n),
                          scratch, scratch_bytes));
    const jangle::SampleArgs args{&batch->view, first_row, rows, n, logits, ldlogits, ids, scratch};
    return jangle::RunSample(stream, args);
  });
}

}  // extern "C"
