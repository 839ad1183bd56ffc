// The table of CPU kernels. Each instruction-set tier defines one (tier.cpp); the ABI checks the
// arguments, then splits a call into work items and runs the tier's function over ranges of them.
//
// A kernel function is pure arithmetic: it sees no threads. [begin, end) is a range of its items,
// and no result depends on how the items were cut into ranges.
#pragma once

#include <cstdint>

#include "args.h"
#include "training_args.h"

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

  // Training. A gemm goes through its stages in order; in each, gemm_pack (items:
  // gemm_shared_items, which may be 0) comes before gemm (items: gemm_items). Calls of gemm at the
  // same time have different workers, in [0, workers).
  int64_t (*gemm_scratch_bytes)(int64_t m, int64_t n, int64_t k, int64_t workers);
  int64_t (*gemm_stages)(const GemmArgs&);
  int64_t (*gemm_shared_items)(const GemmArgs&);
  int64_t (*gemm_items)(const GemmArgs&);
  void (*gemm_pack)(const GemmArgs&, int64_t stage, int64_t begin, int64_t end);
  void (*gemm)(const GemmArgs&, int64_t stage, int64_t begin, int64_t end, int64_t worker);
  // Attention over packed samples: pack (items: attention_pack_items), then blocks of rows. Items:
  // attention_blocks * heads, or * kv_heads of the keys' pass; workers as for gemm.
  int64_t (*attention_forward_scratch_bytes)(int64_t rows, int64_t kv_heads, int64_t head_dim,
                                             int64_t workers);
  int64_t (*attention_backward_scratch_bytes)(int64_t rows, int64_t heads, int64_t kv_heads,
                                              int64_t head_dim, int64_t workers);
  int64_t (*attention_pack_items)(int64_t rows);
  int64_t (*attention_blocks)(int64_t rows);
  void (*attention_forward_pack)(const AttentionForwardArgs&, int64_t begin, int64_t end);
  void (*attention_forward)(const AttentionForwardArgs&, int64_t begin, int64_t end,
                            int64_t worker);
  void (*attention_backward_pack)(const AttentionBackwardArgs&, int64_t begin, int64_t end);
  void (*attention_backward_queries)(const AttentionBackwardArgs&, int64_t begin, int64_t end,
                                     int64_t worker);
  void (*attention_backward_keys)(const AttentionBackwardArgs&, int64_t begin, int64_t end,
                                  int64_t worker);
  // Items: rows.
  void (*gather_rows)(const GatherRowsArgs&, int64_t begin, int64_t end);
  // Items: places in the order.
  void (*embed_backward)(const EmbedBackwardArgs&, int64_t begin, int64_t end);
  // Items: rows * groups; then, where there is a dweight, rmsnorm_weight_items.
  void (*rmsnorm_backward)(const RmsnormBackwardArgs&, int64_t begin, int64_t end);
  int64_t (*rmsnorm_weight_items)(int64_t n);
  void (*rmsnorm_weight_backward)(const RmsnormBackwardArgs&, int64_t begin, int64_t end);
  // Items: rows.
  void (*rope_rows)(const RopeRowsArgs&, int64_t begin, int64_t end);
  void (*swiglu_backward)(const SwigluBackwardArgs&, int64_t begin, int64_t end);
  void (*cross_entropy)(const CrossEntropyArgs&, int64_t begin, int64_t end);
  // Items: sum_squares_items; writes a double each to scratch, to be added in order.
  int64_t (*sum_squares_items)(int64_t n);
  void (*sum_squares)(const SumSquaresArgs&, int64_t begin, int64_t end);
  int64_t (*adamw_items)(int64_t n);
  void (*adamw)(const AdamwArgs&, int64_t begin, int64_t end);
};

// The tables of the tiers this library was built with.
const Kernels& Kernels_scalar();
const Kernels& Kernels_avx2();
const Kernels& Kernels_avx512();
const Kernels& Kernels_avx512bf16();

}  // namespace jangle
