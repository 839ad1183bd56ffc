// The rows of a step, in ordinary memory.
#include "context.h"
#include "error.h"

using jangle::BatchRows;
using jangle::Guard;

extern "C" {

int32_t jg_batch_create(jg_context* context, int32_t max_rows, int32_t max_sequences,
                        int32_t max_pages, jg_batch** batch) {
  return Guard([&] {
    JG_REQUIRE(context != nullptr && batch != nullptr, "jg_batch_create: null argument");
    if (int32_t status = BatchRows::CheckLimits(max_rows, max_sequences, max_pages)) return status;
    *batch = new jg_batch(max_rows, max_sequences, max_pages);
    return JG_OK;
  });
}

int32_t jg_batch_destroy(jg_batch* batch) {
  delete batch;
  return JG_OK;
}

int32_t jg_batch_set_padded(jg_stream* stream, jg_batch* batch, int32_t rows, int32_t padded_rows,
                            const int32_t* tokens, const int32_t* sequences, const int32_t* parents,
                            int32_t sequence_count, const int32_t* committed,
                            const int32_t* pages) {
  JG_REQUIRE(stream != nullptr && batch != nullptr, "jg_batch_set: null stream or batch");
  if (int32_t status = batch->rows.Set(rows, padded_rows, tokens, sequences, parents,
                                       sequence_count, committed, pages)) {
    return status;
  }
  batch->view = batch->rows.View(batch->block.data());
  return JG_OK;
}

}  // extern "C"
