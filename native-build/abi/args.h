// The arguments of the operations, as jangle.h describes them. ops_*.cpp check them; the kernels of
// every backend take them.
#pragma once

#include <cstdint>

namespace jangle {

// How the next token of a sequence is drawn; see jg_batch_sampling.
struct Sampling {
  float temperature = 0;  // 0: not set
  int32_t top_k = 0;
  float top_p = 1;
  float min_p = 0;
  uint32_t seed_low = 0;
  uint32_t seed_high = 0;
};

// Where the rows of one forward pass stand, in memory that the kernels read. Derived once per step
// by batch_rows.cpp.
struct BatchView {
  int32_t rows = 0;  // with those of padding
  int32_t max_pages = 0;
  const int32_t* token = nullptr;     // [rows]
  const int32_t* sequence = nullptr;  // [rows]
  const int32_t* parent = nullptr;    // [rows]
  const int32_t* position = nullptr;  // [rows]
  const int32_t* slot = nullptr;      // [rows]
  // Keys at positions [0, linear) lie in the slot of the same number; the key at position
  // linear + j, for 0 <= j <= position - linear, lies in slot tail_slots[tail_begin + j].
  const int32_t* linear = nullptr;      // [rows]
  const int32_t* tail_begin = nullptr;  // [rows]
  const int32_t* tail_slots = nullptr;
  const int32_t* pages = nullptr;  // [sequences][max_pages]
  // Rows from *live on are padding: each repeats row 0, and writes nothing to a cache.
  const int32_t* live = nullptr;
  const Sampling* sampling = nullptr;  // [sequences]
};

struct PackArgs {
  int32_t dtype;
  int64_t n, k;
  int64_t n_offset, n_rows;
  const void* source;  // host: [n_rows][k] in the file's layout
  int64_t source_bytes;
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
  void* scratch;  // MatmulScratchBytes
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

// The product of normalised rows: product.x is what is to be normalised.
struct RmsnormMatmulArgs {
  MatmulArgs product;
  const float* weight;
  float eps;
};

// The product of gated rows: product.x is the gate, and up has the same leading dimension.
struct SwigluMatmulArgs {
  MatmulArgs product;
  const float* up;
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

// The keys of `append` are those of `keys`, which need not be turned in place.
struct RopeAppendArgs {
  RopeArgs queries, keys;
  KvAppendArgs append;
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
  void* scratch;
};

struct KvGatherArgs {
  int32_t dtype;
  int64_t kv_heads, head_dim, layers, layer_bytes;
  const int32_t* page_table;  // host
  int64_t count;
  const int32_t* from;  // host, [count], ascending
  const int32_t* to;    // host, [count], ascending, to[i] <= from[i]
  void* kv_pages;
};

struct AcceptArgs {
  const BatchView* batch;
  int32_t sequences;
  const int32_t* ids;  // of row i: ids[i * ldids]
  int64_t ldids;
  int32_t dtype;
  int64_t kv_heads, head_dim, layers, layer_bytes;
  void* kv_pages;
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
  int64_t rows, n;
  const float* logits;
  int64_t ldlogits;
  int32_t* ids;
};

struct TopkArgs {
  int64_t rows, n, k;
  const float* logits;
  int64_t ldlogits;
  int32_t* ids;
  float* values;
};

struct SampleArgs {
  const BatchView* batch;
  int64_t first_row, rows, n;
  const float* logits;
  int64_t ldlogits;
  int32_t* ids;
  void* scratch;  // SampleScratchBytes
};

}  // namespace jangle
