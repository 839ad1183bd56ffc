// The rows of a step: derived on the host, copied to the device as one block.
#include <memory>

#include "allocate.h"
#include "check.h"
#include "context.h"

using jangle::BatchRows;
using jangle::Guard;

namespace {

int32_t Allocate(jg_batch* batch) {
  const size_t bytes = static_cast<size_t>(batch->rows.Ints()) * sizeof(int32_t);
  void* block = nullptr;
  if (int32_t status = jangle::AllocateDevice(&block, bytes)) return status;
  batch->device_block = static_cast<int32_t*>(block);
  return batch->staging.Allocate(bytes);
}

// Each is tried, whatever became of the other; the first failure is the result.
cudaError_t Free(jg_batch* batch) {
  const cudaError_t block = cudaFree(batch->device_block);
  const cudaError_t staging = batch->staging.Free();
  return block != cudaSuccess ? block : staging;
}

}  // namespace

extern "C" {

int32_t jg_batch_create(jg_context* context, int32_t max_rows, int32_t max_sequences,
                        int32_t max_pages, jg_batch** batch) {
  return Guard([&] {
    JG_REQUIRE(context != nullptr && batch != nullptr, "jg_batch_create: null argument");
    if (int32_t status = BatchRows::CheckLimits(max_rows, max_sequences, max_pages)) return status;
    auto made = std::make_unique<jg_batch>(max_rows, max_sequences, max_pages);
    if (int32_t status = Allocate(made.get())) {
      Free(made.get());
      return status;
    }
    *batch = made.release();
    return JG_OK;
  });
}

int32_t jg_batch_destroy(jg_batch* batch) {
  if (batch == nullptr) return JG_OK;
  const cudaError_t error = Free(batch);
  delete batch;
  JG_CUDA(error);
  return JG_OK;
}

int32_t jg_batch_set_padded(jg_stream* stream, jg_batch* batch, int32_t rows, int32_t padded_rows,
                            const int32_t* tokens, const int32_t* sequences, const int32_t* parents,
                            int32_t sequence_count, const int32_t* committed,
                            const int32_t* pages) {
  JG_REQUIRE(stream != nullptr && batch != nullptr, "jg_batch_set: null stream or batch");
  JG_REQUIRE(!stream->recording,
             "jg_batch_set: the stream is recording; set the batch before jg_graph_begin");
  void* block = nullptr;
  if (int32_t status = batch->staging.Next(&block)) return status;
  int32_t* const before = batch->rows.live;
  batch->rows.Place(static_cast<int32_t*>(block));
  if (int32_t status = batch->rows.Set(rows, padded_rows, tokens, sequences, parents,
                                       sequence_count, committed, pages)) {
    if (before != nullptr) batch->rows.Place(before);
    return status;
  }
  batch->view = batch->rows.View(batch->device_block);
  return batch->staging.Copy(batch->device_block,
                             static_cast<size_t>(batch->rows.UsedInts()) * sizeof(int32_t),
                             stream->stream);
}

}  // extern "C"
