// Compute calls of training on rows and on plain arrays: check the arguments, run the operation.
#include "checks.h"

using jangle::CheckRows;
using jangle::CheckScratch;
using jangle::Guard;
using jangle::IsSize;

namespace {

int32_t CheckGroups(const char* call, int64_t rows, int64_t groups, int64_t n) {
  JG_REQUIRE(IsSize(rows) && IsSize(groups) && IsSize(rows * groups) && IsSize(n),
             "%s: %lld rows of %lld groups of %lld", call, static_cast<long long>(rows),
             static_cast<long long>(groups), static_cast<long long>(n));
  return JG_OK;
}

}  // namespace

extern "C" {

int32_t jg_zero(jg_stream* stream, void* buffer, int64_t bytes) {
  return Guard([&] {
    JG_REQUIRE(stream != nullptr && buffer != nullptr && bytes > 0,
               "jg_zero: null argument, or %lld bytes", static_cast<long long>(bytes));
    return jangle::RunZero(stream, {buffer, bytes});
  });
}

int32_t jg_gather_rows(jg_stream* stream, int64_t rows, int64_t n, const int32_t* ids,
                       const float* table, int64_t table_rows, int64_t ldtable, float* out,
                       int64_t ldout) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_gather_rows", stream, rows, n));
    JG_REQUIRE(ids != nullptr && table != nullptr && out != nullptr && ldtable >= n && ldout >= n,
               "jg_gather_rows: null or short rows");
    JG_REQUIRE(IsSize(table_rows), "jg_gather_rows: a table of %lld rows",
               static_cast<long long>(table_rows));
    return jangle::RunGatherRows(stream, {rows, n, ids, table, table_rows, ldtable, out, ldout});
  });
}

int32_t jg_embed_backward(jg_stream* stream, int64_t rows, int64_t n, const int32_t* ids,
                          const int32_t* order, const float* dout, int64_t lddout, float* dtable,
                          int64_t table_rows, int64_t lddtable) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_embed_backward", stream, rows, n));
    JG_REQUIRE(ids != nullptr && order != nullptr && dout != nullptr && dtable != nullptr &&
                   lddout >= n && lddtable >= n,
               "jg_embed_backward: null or short rows");
    JG_REQUIRE(IsSize(table_rows), "jg_embed_backward: a table of %lld rows",
               static_cast<long long>(table_rows));
    const jangle::EmbedBackwardArgs args{rows,   n,      ids,        order,   dout,
                                         lddout, dtable, table_rows, lddtable};
    return jangle::RunEmbedBackward(stream, args);
  });
}

int32_t jg_rmsnorm_backward_scratch_bytes(jg_context* context, int64_t rows, int64_t groups,
                                          int64_t n, int64_t* scratch_bytes) {
  JG_REQUIRE(context != nullptr && scratch_bytes != nullptr,
             "jg_rmsnorm_backward_scratch_bytes: null argument");
  JG_CHECK(CheckGroups("jg_rmsnorm_backward_scratch_bytes", rows, groups, n));
  *scratch_bytes = jangle::RmsnormBackwardScratchBytes(context, rows, groups, n);
  return JG_OK;
}

int32_t jg_rmsnorm_backward(jg_stream* stream, int64_t rows, int64_t groups, int64_t n,
                            const float* x, int64_t ldx, const float* weight, float eps,
                            const float* dy, int64_t lddy, int32_t accumulate, float* dx,
                            int64_t lddx, float* dweight, void* scratch, int64_t scratch_bytes) {
  return Guard([&] {
    JG_REQUIRE(stream != nullptr, "jg_rmsnorm_backward: stream is null");
    JG_CHECK(CheckGroups("jg_rmsnorm_backward", rows, groups, n));
    JG_REQUIRE(x != nullptr && weight != nullptr && dy != nullptr && dx != nullptr,
               "jg_rmsnorm_backward: null argument");
    JG_REQUIRE(ldx >= groups * n && lddy >= groups * n && lddx >= groups * n,
               "jg_rmsnorm_backward: %lld groups of %lld in rows of %lld, %lld and %lld",
               static_cast<long long>(groups), static_cast<long long>(n),
               static_cast<long long>(ldx), static_cast<long long>(lddy),
               static_cast<long long>(lddx));
    JG_CHECK(CheckScratch("jg_rmsnorm_backward",
                          jangle::RmsnormBackwardScratchBytes(stream->context, rows, groups, n),
                          scratch, scratch_bytes));
    const jangle::RmsnormBackwardArgs args{rows,   groups, n,       x,      ldx,
                                           weight, eps,    dy,      lddy,   accumulate != 0,
                                           dx,     lddx,   dweight, scratch};
    return jangle::RunRmsnormBackward(stream, args);
  });
}

int32_t jg_rope_rows(jg_stream* stream, int64_t rows, const int32_t* positions, int64_t heads,
                     int64_t head_dim, const float* table, int64_t table_positions, int32_t inverse,
                     float* x, int64_t ldx) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_rope_rows", stream, rows, heads));
    JG_REQUIRE(positions != nullptr && table != nullptr && x != nullptr,
               "jg_rope_rows: null argument");
    JG_REQUIRE(IsSize(head_dim) && head_dim % 2 == 0, "jg_rope_rows: head_dim %lld; must be even",
               static_cast<long long>(head_dim));
    JG_REQUIRE(IsSize(heads) && ldx >= heads * head_dim && table_positions > 0,
               "jg_rope_rows: rows of %lld for %lld heads of %lld, a table of %lld positions",
               static_cast<long long>(ldx), static_cast<long long>(heads),
               static_cast<long long>(head_dim), static_cast<long long>(table_positions));
    const jangle::RopeRowsArgs args{
        rows, positions, heads, head_dim, table, table_positions, inverse != 0, x, ldx};
    return jangle::RunRopeRows(stream, args);
  });
}

int32_t jg_swiglu_backward(jg_stream* stream, int64_t rows, int64_t n, const float* gate,
                           const float* up, int64_t ldx, const float* dout, int64_t lddout,
                           float* dgate, float* dup, int64_t lddx) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_swiglu_backward", stream, rows, n));
    JG_REQUIRE(gate != nullptr && up != nullptr && dout != nullptr && dgate != nullptr &&
                   dup != nullptr && ldx >= n && lddout >= n && lddx >= n,
               "jg_swiglu_backward: null or short rows");
    const jangle::SwigluBackwardArgs args{rows, n, gate, up, ldx, dout, lddout, dgate, dup, lddx};
    return jangle::RunSwigluBackward(stream, args);
  });
}

int32_t jg_cross_entropy(jg_stream* stream, int64_t rows, int64_t n, float* logits,
                         int64_t ldlogits, const int32_t* targets, const float* weights,
                         double* loss) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_cross_entropy", stream, rows, n));
    JG_REQUIRE(logits != nullptr && targets != nullptr && weights != nullptr && loss != nullptr &&
                   ldlogits >= n,
               "jg_cross_entropy: null or short rows");
    return jangle::RunCrossEntropy(stream, {rows, n, logits, ldlogits, targets, weights, loss});
  });
}

int32_t jg_sum_squares_scratch_bytes(jg_context* context, int64_t n, int64_t* scratch_bytes) {
  JG_REQUIRE(context != nullptr && scratch_bytes != nullptr && n > 0,
             "jg_sum_squares_scratch_bytes: null argument, or %lld elements",
             static_cast<long long>(n));
  *scratch_bytes = jangle::SumSquaresScratchBytes(context, n);
  return JG_OK;
}

int32_t jg_sum_squares(jg_stream* stream, int64_t n, const float* x, double* sum, void* scratch,
                       int64_t scratch_bytes) {
  return Guard([&] {
    JG_REQUIRE(stream != nullptr && x != nullptr && sum != nullptr && n > 0,
               "jg_sum_squares: null argument, or %lld elements", static_cast<long long>(n));
    JG_CHECK(CheckScratch("jg_sum_squares", jangle::SumSquaresScratchBytes(stream->context, n),
                          scratch, scratch_bytes));
    return jangle::RunSumSquares(stream, {n, x, sum, scratch});
  });
}

int32_t jg_adamw(jg_stream* stream, int64_t n, float* weight, const float* gradient, float* m,
                 float* v, double rate, double beta1, double beta2, double eps, double decay,
                 double gradient_scale, int64_t step) {
  return Guard([&] {
    JG_REQUIRE(stream != nullptr && weight != nullptr && gradient != nullptr && m != nullptr &&
                   v != nullptr && n > 0,
               "jg_adamw: null argument, or %lld elements", static_cast<long long>(n));
    JG_REQUIRE(rate >= 0 && beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1 && eps > 0 &&
                   decay >= 0 && step > 0,
               "jg_adamw: rate %g, beta %g and %g, eps %g, decay %g, step %lld; expected betas in "
               "[0, 1), eps above 0, steps from 1",
               rate, beta1, beta2, eps, decay, static_cast<long long>(step));
    const jangle::AdamwArgs args{n,   weight, gradient,       m,   v, rate, beta1, beta2,
                                 eps, decay,  gradient_scale, step};
    return jangle::RunAdamw(stream, args);
  });
}

}  // extern "C"
