// Calls on batches that are the same for every backend.
#include "checks.h"

extern "C" {

int32_t jg_batch_set(jg_stream* stream, jg_batch* batch, int32_t rows, const int32_t* tokens,
                     const int32_t* sequences, const int32_t* parents, int32_t sequence_count,
                     const int32_t* committed, const int32_t* pages) {
  return jg_batch_set_padded(stream, batch, rows, rows, tokens, sequences, parents, sequence_count,
                             committed, pages);
}

int32_t jg_batch_sampling(jg_batch* batch, int32_t sequence, float temperature, int32_t top_k,
                          float top_p, float min_p, uint64_t seed) {
  JG_REQUIRE(batch != nullptr, "jg_batch_sampling: batch is null");
  return batch->rows.SetSampling(sequence, temperature, top_k, top_p, min_p, seed);
}

}  // extern "C"
