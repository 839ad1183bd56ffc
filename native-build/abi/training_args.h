// The arguments of the operations of training, as jangle.h describes them. ops_training_*.cpp check
// them; the kernels of every backend take them.
#pragma once

#include <cstdint>

namespace jangle {

struct ZeroArgs {
  void* buffer;
  int64_t bytes;
};

struct GemmArgs {
  int32_t products;
  int64_t m, n, k;
  float alpha;
  bool transpose_a;
  const float* a;
  int64_t lda;
  bool transpose_b;
  const float* b;
  int64_t ldb;
  bool accumulate;
  float* c;
  int64_t ldc;
  void* scratch;
};

struct GatherRowsArgs {
  int64_t rows, n;
  const int32_t* ids;
  const float* table;
  int64_t table_rows, ldtable;
  float* out;
  int64_t ldout;
};

struct EmbedBackwardArgs {
  int64_t rows, n;
  const int32_t* ids;
  const int32_t* order;
  const float* dout;
  int64_t lddout;
  float* dtable;
  int64_t table_rows, lddtable;
};

struct RmsnormBackwardArgs {
  int64_t rows, groups, n;
  const float* x;
  int64_t ldx;
  const float* weight;
  float eps;
  const float* dy;
  int64_t lddy;
  bool accumulate;
  float* dx;
  int64_t lddx;
  float* dweight;  // [n] or null
  void* scratch;
};

struct RopeRowsArgs {
  int64_t rows;
  const int32_t* positions;
  int64_t heads, head_dim;
  const float* table;
  int64_t table_positions;
  bool inverse;
  float* x;
  int64_t ldx;
};

struct SwigluBackwardArgs {
  int64_t rows, n;
  const float* gate;
  const float* up;
  int64_t ldx;
  const float* dout;
  int64_t lddout;
  float* dgate;
  float* dup;
  int64_t lddx;
};

struct AttentionForwardArgs {
  int64_t rows;
  const int32_t* start;
  const int32_t* gaps;
  int64_t heads, kv_heads, head_dim;
  float scale;
  const float* q;
  int64_t ldq;
  const float* k;
  const float* v;
  int64_t ldkv;
  float* out;
  int64_t ldout;
  float* lse;
  void* scratch;
};

struct AttentionBackwardArgs {
  int64_t rows;
  const int32_t* start;
  const int32_t* gaps;
  int64_t heads, kv_heads, head_dim;
  float scale;
  const float* q;
  int64_t ldq;
  const float* k;
  const float* v;
  int64_t ldkv;
  const float* out;
  const float* dout;
  int64_t ldout;
  const float* lse;
  float* dq;
  float* dk;
  float* dv;
  void* scratch;
};

struct CrossEntropyArgs {
  int64_t rows, n;
  float* logits;
  int64_t ldlogits;
  const int32_t* targets;
  const float* weights;
  double* loss;
};

struct SumSquaresArgs {
  int64_t n;
  const float* x;
  double* sum;
  void* scratch;
};

struct AdamwArgs {
  int64_t n;
  float* weight;
  const float* gradient;
  float* m;
  float* v;
  double rate, beta1, beta2, eps, decay, gradient_scale;
  int64_t step;
};

}  // namespace jangle
