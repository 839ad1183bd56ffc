// The table of CPU kernels. Each instruction-set tier defines one (tier.cpp); the ABI checks the
// arguments, then splits a call into work items and runs the tier's function over ranges of them.
//
// A kernel function is pure arithmetic: it sees no threads. [begin, end) is a range of its items,
// and no result depends on how the items were cut into ranges.
#pragma once

#include <cstdint>

#include "args.h"

namespace jangle {

struct Kernels {
  // Weights. Items of pack: the rows of the source.
  int64_t (*pack_bytes)(int32_t dtype, int64_t n, int64_t k);
  void (*pack)(const PackArgs&, int64_t begin, int64_t end);
  // Items: rows of the batch.
  void (*embed)(const EmbedArgs&, int64_t begin, int64_t end);
  // A matmul is two phases: prepare (items: rows; converts activations into scratch; does nothing
  // where matmul_scratch_bytes is 0), then the product (items: matmul_tiles tiles of columns).
  int64_t (*matmul_scratch_bytes)(int32_t dtype, int64_t n, int64_t k, int64_t rows);
  void (*matmul_prepare)(const MatmulArgs&, int64_t begin, int64_t end);
  int64_t (*matmul_tiles)(int32_t dtype, int64_t n, int64_t k);
  void (*matmul)(const MatmulArgs&, int64_t begin, int64_t end);
  // Items: rows * groups.
  void (*rmsnorm)(const RmsnormArgs&, int64_t begin, int64_t end);
  // Items: rows of the batch.
  void (*rope)(const RopeArgs&, int64_t begin, int64_t end);
  void (*kv_append)(const KvAppendArgs&, int64_t begin, int64_t end);
  // Items: rows * kv_heads, the row varying fastest.
  void (*attention)(const AttentionArgs&, int64_t begin, int64_t end);
  // Items: rows.
  void (*swiglu)(const SwigluArgs&, int64_t begin, int64_t end);
  void (*residual)(const ResidualArgs&, int64_t begin, int64_t end);
  void (*argmax)(const ArgmaxArgs&, int64_t begin, int64_t end);
  void (*topk)(const TopkArgs&, int64_t begin, int64_t end);
  int64_t (*sample_scratch_bytes)(int64_t rows, int64_t n);
  void (*sample)(const SampleArgs&, int64_t begin, int64_t end);
};

// The tables of the tiers this library was built with.
const Kernels& Kernels_scalar();
const Kernels& Kernels_avx2();
const Kernels& Kernels_avx512();
const Kernels& Kernels_avx512bf16();

}  // namespace jangle
