// The table of CPU kernels. Each instruction-set tier defines one (tier.cpp); the ABI checks the
// arguments, then splits a call into work items and runs the tier's function over ranges of them.
//
// A kernel function is pure arithmetic: it sees no threads. [begin, end) is a range of its items,
// and no result depends on how the items were cut into ranges.
#pragma once

#include <cstdint>

namespace jangle {

// Where the rows of one forward pass stand. Derived once per step by batch.cpp.
struct BatchView {
  int32_t rows = 0;
  int32_t max_pages = 0;
  const int32_t* token = nullptr;     // [rows]
  const int32_t* sequence = nullptr;  // [rows]
  const int32_t* position = nullptr;  // [rows]
  const int32_t* slot = nullptr;      // [rows]
  // Keys at positions [0, linear) lie in the slot of the same number; the key at position
  // linear + j, for 0 <= j <= position - linear, lies in slot tail_slots[tail_begin + j].
  const int32_t* linear = nullptr;      // [rows]
  const int32_t* tail_begin = nullptr;  // [rows]
  const int32_t* tail_slots = nullptr;
  const int32_t* pages = nullptr;  // [sequences][max_pages]

  const int32_t* PageTable(int32_t row) const {
    return pages + static_cast<int64_t>(sequence[row]) * max_pages;
  }
};

struct PackArgs {
  int32_t dtype;
  int64_t n, k;
  int64_t n_offset;
  const void* source;  // [n_rows][k] in the file's layout
  void* packed;
};

struct EmbedArgs {
  const BatchView* batch;
  int32_t dtype;
  int64_t n, k;
  const void* packed;
  float* out;
  int64_t ldout;
};

struct MatmulArgs {
  int32_t dtype;
  int64_t n, k;
  const void* packed;
  int64_t rows;
  const float* x;
  int64_t ldx;
  float* y;
  int64_t ldy;
  const float* bias;  // [n] or null
  bool accumulate;
  void* scratch;  // converted activations, 64-byte aligned
};

struct RmsnormArgs {
  int64_t rows, groups, n;
  const float* x;
  int64_t ldx;
  const float* weight;
  float eps;
  float* y;
  int64_t ldy;
};

struct RopeArgs {
  const BatchView* batch;
  int64_t heads, head_dim;
  const float* table;
  float* x;
  int64_t ldx;
};

struct KvAppendArgs {
  const BatchView* batch;
  int32_t dtype;
  int64_t kv_heads, head_dim;
  const float* k;
  int64_t ldk;
  const float* v;
  int64_t ldv;
  void* kv_pages;
};

struct AttentionArgs {
  const BatchView* batch;
  int32_t dtype;
  int64_t heads, kv_heads, head_dim;
  float scale;
  const void* kv_pages;
  const float* q;
  int64_t ldq;
  float* out;
  int64_t ldout;
};

struct SwigluArgs {
  int64_t rows, n;
  const float* gate;
  const float* up;
  int64_t ldx;
  float* out;
  int64_t ldout;
};

struct ResidualArgs {
  int64_t rows, n;
  const float* x;
  int64_t ldx;
  float* y;
  int64_t ldy;
};

struct ArgmaxArgs {
  int64_t n;
  const float* logits;
  int64_t ldlogits;
  int32_t* ids;
};

struct TopkArgs {
  int64_t n, k;
  const float* logits;
  int64_t ldlogits;
  int32_t* ids;
  float* values;
};

struct SampleArgs {
  const BatchView* batch;
  int64_t first_row, n;
  const float* logits;
  int64_t ldlogits;
  float temperature;
  int32_t top_k;
  float top_p, min_p;
  uint64_t seed;
  int32_t* ids;
  void* scratch;  // sample_scratch_bytes(1, n) per row
};

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
