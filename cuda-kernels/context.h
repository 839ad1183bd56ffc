// What the opaque handles of jangle.h are on a GPU.
#pragma once

#include <cuda_runtime.h>

#include "batch_rows.h"
#include "jangle.h"
#include "pinned.h"
#include "staging.h"

struct jg_context {
  int device = 0;
  int32_t tier = 0;  // compute capability * 10
  int multiprocessors = 0;
  // Of the calls that belong to no stream. Not the default one: while another thread records on a
  // stream that waits for it, any use of it spoils that recording.
  cudaStream_t stream = nullptr;
  jangle::PinnedMemory pinned;
};

struct jg_graph {
  cudaGraphExec_t exec = nullptr;
};

struct jg_stream {
  explicit jg_stream(jg_context* of) : context(of) {}

  jg_context* const context;
  cudaStream_t stream = nullptr;
  bool owned = true;        // made here, not by another library
  bool recording = false;   // between jg_graph_begin and jg_graph_end
  jangle::Staging staging;  // of pageable memory on its way to the device
};

struct jg_event {
  cudaEvent_t event = nullptr;
  bool recorded = false;
};

// The rows are derived in pinned memory and copied to the device as one block, in stream order:
// calls that were enqueued before still see the rows of their own step.
struct jg_batch {
  jg_batch(int32_t max_rows, int32_t max_sequences, int32_t max_pages)
      : rows(max_rows, max_sequences, max_pages) {}

  jangle::BatchRows rows;  // lies in the block that was copied last
  jangle::BatchView view;  // of the device's block
  int32_t* device_block = nullptr;
  jangle::Staging staging;
};
