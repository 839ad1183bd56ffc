// The compute calls of jangle.h: check the arguments, cut the work into ranges, run the tier's kernel.
#include <algorithm>
#include <cstring>

#include "context.h"
#include "error.h"

using jangle::Fail;
using jangle::Guard;

namespace {

// Below this many elements an elementwise call is cheaper alone than shared: waking a worker that
// spins costs about as much as 4,096 elements (Zen 3, 2 cores).
constexpr int64_t kMinElements = 4096;

int64_t MinItems(int64_t elements_per_item) {
  return std::max<int64_t>(1, kMinElements / std::max<int64_t>(1, elements_per_item));
}

bool IsWeight(int32_t dtype) { return dtype >= JG_F32 && dtype <= JG_Q4_1; }
bool IsBlocked(int32_t dtype) { return dtype >= JG_Q8_0; }
bool IsCache(int32_t dtype) { return dtype == JG_F32 || dtype == JG_F16; }

int64_t RowBytes(int32_t dtype, int64_t k) {
  switch (dtype) {
    case JG_F32:
      return k * 4;
    case JG_F16:
    case JG_BF16:
      return k * 2;
    case JG_Q8_0:
      return k / 32 * 34;
    case JG_Q4_0:
      return k / 32 * 18;
    default:
      return k / 32 * 20;
  }
}

int32_t CheckWeight(const char* call, int32_t dtype, int64_t n, int64_t k) {
  JG_REQUIRE(IsWeight(dtype), "%s: no weight format %d", call, dtype);
  JG_REQUIRE(n > 0 && k > 0 && n < (int64_t{1} << 31) && k < (int64_t{1} << 31),
             "%s: a weight of %lld x %lld", call, static_cast<long long>(n),
             static_cast<long long>(k));
  JG_REQUIRE(!IsBlocked(dtype) || k % 32 == 0,
             "%s: k = %lld; a format of blocks needs a multiple of 32", call,
             static_cast<long long>(k));
  return JG_OK;
}

int32_t CheckRows(const char* call, jg_stream* stream, int64_t rows, int64_t n) {
  JG_REQUIRE(stream != nullptr, "%s: stream is null", call);
  JG_REQUIRE(rows > 0 && n > 0, "%s: %lld rows of %lld", call, static_cast<long long>(rows),
             static_cast<long long>(n));
  return JG_OK;
}

int32_t CheckBatch(const char* call, jg_stream* stream, jg_batch* batch) {
  JG_REQUIRE(stream != nullptr && batch != nullptr, "%s: null stream or batch", call);
  JG_REQUIRE(batch->view.rows > 0, "%s: the batch is empty; call jg_batch_set first", call);
  return JG_OK;
}

#define JG_CHECK(call)                          \
  do {                                          \
    if (int32_t status = (call)) return status; \
  } while (false)

}  // namespace

extern "C" {

int32_t jg_pack_bytes(jg_context* context, int32_t dtype, int64_t n, int64_t k,
                      int64_t* packed_bytes) {
  JG_REQUIRE(context != nullptr && packed_bytes != nullptr, "jg_pack_bytes: null argument");
  JG_CHECK(CheckWeight("jg_pack_bytes", dtype, n, k));
  *packed_bytes = context->kernels.pack_bytes(dtype, n, k);
  return JG_OK;
}

int32_t jg_pack(jg_stream* stream, int32_t dtype, int64_t n, int64_t k, int64_t n_offset,
                int64_t n_rows, const void* source, int64_t source_bytes, void* packed) {
  return Guard([&] {
    JG_REQUIRE(stream != nullptr && source != nullptr && packed != nullptr,
               "jg_pack: null argument");
    JG_CHECK(CheckWeight("jg_pack", dtype, n, k));
    JG_REQUIRE(n_offset >= 0 && n_rows > 0 && n_offset <= n - n_rows,
               "jg_pack: rows %lld + %lld of %lld", static_cast<long long>(n_offset),
               static_cast<long long>(n_rows), static_cast<long long>(n));
    JG_REQUIRE(source_bytes == n_rows * RowBytes(dtype, k),
               "jg_pack: the source has %lld bytes; expected %lld",
               static_cast<long long>(source_bytes),
               static_cast<long long>(n_rows * RowBytes(dtype, k)));
    const jangle::PackArgs args{dtype, n, k, n_offset, source, packed};
    // Several rows share a cache line of the packed layout; ranges of 32 rows seldom do.
    return stream->Submit([context = stream->context, args, n_rows] {
      context->pool.Run(n_rows, 32, [&](int64_t begin, int64_t end) {
        context->kernels.pack(args, begin, end);
      });
    });
  });
}

int32_t jg_embed(jg_stream* stream, jg_batch* batch, int32_t dtype, int64_t n, int64_t k,
                 const void* packed, float* out, int64_t ldout) {
  return Guard([&] {
    JG_CHECK(CheckBatch("jg_embed", stream, batch));
    JG_CHECK(CheckWeight("jg_embed", dtype, n, k));
    JG_REQUIRE(packed != nullptr && out != nullptr && ldout >= k, "jg_embed: null or short rows");
    for (int32_t i = 0; i < batch->view.rows; i++) {
      JG_REQUIRE(batch->token[i] < n, "jg_embed: row %d: token %d of a vocabulary of %lld", i,
                 batch->token[i], static_cast<long long>(n));
    }
    const jangle::EmbedArgs args{&batch->view, dtype, n, k, packed, out, ldout};
    return stream->Submit([context = stream->context, args] {
      context->pool.Run(args.batch->rows, MinItems(args.k), [&](int64_t begin, int64_t end) {
        context->kernels.embed(args, begin, end);
      });
    });
  });
}

int32_t jg_matmul_scratch_bytes(jg_context* context, int32_t dtype, int64_t n, int64_t k,
                                int64_t rows, int64_t* scratch_bytes) {
  JG_REQUIRE(context != nullptr && scratch_bytes != nullptr,
             "jg_matmul_scratch_bytes: null argument");
  JG_CHECK(CheckWeight("jg_matmul_scratch_bytes", dtype, n, k));
  JG_REQUIRE(rows > 0, "jg_matmul_scratch_bytes: %lld rows", static_cast<long long>(rows));
  *scratch_bytes = context->kernels.matmul_scratch_bytes(dtype, n, k, rows);
  return JG_OK;
}

int32_t jg_matmul(jg_stream* stream, int32_t dtype, int64_t n, int64_t k, const void* packed,
                  int64_t rows, const float* x, int64_t ldx, float* y, int64_t ldy,
                  const float* bias, int32_t accumulate, void* scratch, int64_t scratch_bytes) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_matmul", stream, rows, n));
    JG_CHECK(CheckWeight("jg_matmul", dtype, n, k));
    JG_REQUIRE(packed != nullptr && x != nullptr && y != nullptr, "jg_matmul: null argument");
    JG_REQUIRE(ldx >= k && ldy >= n, "jg_matmul: ldx %lld for k %lld, ldy %lld for n %lld",
               static_cast<long long>(ldx), static_cast<long long>(k), static_cast<long long>(ldy),
               static_cast<long long>(n));
    const int64_t needed = stream->context->kernels.matmul_scratch_bytes(dtype, n, k, rows);
    JG_REQUIRE(needed == 0 || (scratch != nullptr && scratch_bytes >= needed),
               "jg_matmul: %lld bytes of scratch; needs %lld", static_cast<long long>(scratch_bytes),
               static_cast<long long>(needed));
    const jangle::MatmulArgs args{dtype, n,   k,    packed,          rows,   x, ldx,
                                  y,     ldy, bias, accumulate != 0, scratch};
    return stream->Submit([context = stream->context, args, needed] {
      const jangle::Kernels& kernels = context->kernels;
      if (needed > 0) {
        context->pool.Run(args.rows, MinItems(args.k), [&](int64_t begin, int64_t end) {
          kernels.matmul_prepare(args, begin, end);
        });
      }
      context->pool.Run(
          kernels.matmul_tiles(args.dtype, args.n, args.k), 1,
          [&](int64_t begin, int64_t end) { kernels.matmul(args, begin, end); });
    });
  });
}

int32_t jg_rmsnorm(jg_stream* stream, int64_t rows, int64_t groups, int64_t n, const float* x,
                   int64_t ldx, const float* weight, float eps, float* y, int64_t ldy) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_rmsnorm", stream, rows, n));
    JG_REQUIRE(x != nullptr && weight != nullptr && y != nullptr, "jg_rmsnorm: null argument");
    JG_REQUIRE(groups > 0 && ldx >= groups * n && ldy >= groups * n,
               "jg_rmsnorm: %lld groups of %lld in rows of %lld and %lld",
               static_cast<long long>(groups), static_cast<long long>(n),
               static_cast<long long>(ldx), static_cast<long long>(ldy));
    const jangle::RmsnormArgs args{rows, groups, n, x, ldx, weight, eps, y, ldy};
    return stream->Submit([context = stream->context, args] {
      context->pool.Run(args.rows * args.groups, MinItems(args.n), [&](int64_t begin, int64_t end) {
        context->kernels.rmsnorm(args, begin, end);
      });
    });
  });
}

int32_t jg_rope(jg_stream* stream, jg_batch* batch, int64_t heads, int64_t head_dim,
                const float* table, int64_t table_positions, float* x, int64_t ldx) {
  return Guard([&] {
    JG_CHECK(CheckBatch("jg_rope", stream, batch));
    JG_REQUIRE(table != nullptr && x != nullptr, "jg_rope: null argument");
    JG_REQUIRE(heads > 0 && head_dim > 0 && head_dim % 2 == 0 && ldx >= heads * head_dim,
               "jg_rope: %lld heads of %lld in rows of %lld", static_cast<long long>(heads),
               static_cast<long long>(head_dim), static_cast<long long>(ldx));
    for (int32_t i = 0; i < batch->view.rows; i++) {
      JG_REQUIRE(batch->position[i] < table_positions,
                 "jg_rope: row %d: position %d; the table has %lld", i, batch->position[i],
                 static_cast<long long>(table_positions));
    }
    const jangle::RopeArgs args{&batch->view, heads, head_dim, table, x, ldx};
    return stream->Submit([context = stream->context, args] {
      context->pool.Run(args.batch->rows, MinItems(args.heads * args.head_dim),
                        [&](int64_t begin, int64_t end) {
                          context->kernels.rope(args, begin, end);
                        });
    });
  });
}

int32_t jg_kv_append(jg_stream* stream, jg_batch* batch, int32_t dtype, int64_t kv_heads,
                     int64_t head_dim, const float* k, int64_t ldk, const float* v, int64_t ldv,
                     void* kv_pages) {
  return Guard([&] {
    JG_CHECK(CheckBatch("jg_kv_append", stream, batch));
    JG_REQUIRE(k != nullptr && v != nullptr && kv_pages != nullptr, "jg_kv_append: null argument");
    JG_REQUIRE(IsCache(dtype), "jg_kv_append: no cache format %d; expected F32 or F16", dtype);
    JG_REQUIRE(kv_heads > 0 && head_dim > 0 && ldk >= kv_heads * head_dim &&
                   ldv >= kv_heads * head_dim,
               "jg_kv_append: %lld heads of %lld", static_cast<long long>(kv_heads),
               static_cast<long long>(head_dim));
    const jangle::KvAppendArgs args{&batch->view, dtype, kv_heads, head_dim, k,
                                    ldk,          v,     ldv,      kv_pages};
    return stream->Submit([context = stream->context, args] {
      context->pool.Run(args.batch->rows, MinItems(2 * args.kv_heads * args.head_dim),
                        [&](int64_t begin, int64_t end) {
                          context->kernels.kv_append(args, begin, end);
                        });
    });
  });
}

int32_t jg_kv_gather(jg_stream* stream, int32_t dtype, int64_t kv_heads, int64_t head_dim,
                     int64_t layers, int64_t layer_bytes, const int32_t* page_table,
                     int64_t page_count, int64_t count, const int32_t* from, const int32_t* to,
                     void* kv_pages) {
  return Guard([&] {
    JG_REQUIRE(stream != nullptr && page_table != nullptr && kv_pages != nullptr &&
                   (count == 0 || (from != nullptr && to != nullptr)),
               "jg_kv_gather: null argument");
    JG_REQUIRE(IsCache(dtype), "jg_kv_gather: no cache format %d; expected F32 or F16", dtype);
    JG_REQUIRE(kv_heads > 0 && head_dim > 0 && layers > 0 && count >= 0,
               "jg_kv_gather: %lld heads of %lld, %lld layers, %lld slots",
               static_cast<long long>(kv_heads), static_cast<long long>(head_dim),
               static_cast<long long>(layers), static_cast<long long>(count));
    for (int64_t i = 0; i < count; i++) {
      JG_REQUIRE(to[i] >= 0 && to[i] <= from[i] && from[i] < page_count * JG_PAGE &&
                     (i == 0 || (to[i] > to[i - 1] && from[i] > from[i - 1])),
                 "jg_kv_gather: slot %d to %d of %lld pages; both must ascend and to <= from",
                 from[i], to[i], static_cast<long long>(page_count));
    }
    JG_REQUIRE(stream->recording == nullptr, "jg_kv_gather cannot be recorded on the CPU");
    const int64_t head_bytes = head_dim * (dtype == JG_F32 ? 4 : 2);
    const int64_t block_bytes = kv_heads * JG_PAGE * head_bytes;  // K, or V, of one page
    const auto copy_layers = [=](int64_t begin, int64_t end) {
      for (int64_t layer = begin; layer < end; layer++) {
        char* base = static_cast<char*>(kv_pages) + layer * layer_bytes;
        // Ascending, and no target lies past its source: nothing is overwritten before it is read.
        for (int64_t i = 0; i < count; i++) {
          if (from[i] == to[i]) continue;
          char* source = base + page_table[from[i] / JG_PAGE] * 2 * block_bytes +
                         from[i] % JG_PAGE * head_bytes;
          char* target =
              base + page_table[to[i] / JG_PAGE] * 2 * block_bytes + to[i] % JG_PAGE * head_bytes;
          for (int64_t head = 0; head < 2 * kv_heads; head++) {
            std::memcpy(target + head * JG_PAGE * head_bytes, source + head * JG_PAGE * head_bytes,
                        static_cast<size_t>(head_bytes));
          }
        }
      }
    };
    stream->context->pool.Run(
        layers, MinItems(2 * count * kv_heads * head_dim), copy_layers);
    return JG_OK;
  });
}

int32_t jg_attention(jg_stream* stream, jg_batch* batch, int32_t dtype, int64_t heads,
                     int64_t kv_heads, int64_t head_dim, float scale, const void* kv_pages,
                     const float* q, int64_t ldq, float* out, int64_t ldout) {
  return Guard([&] {
    JG_CHECK(CheckBatch("jg_attention", stream, batch));
    JG_REQUIRE(kv_pages != nullptr && q != nullptr && out != nullptr,
               "jg_attention: null argument");
    JG_REQUIRE(IsCache(dtype), "jg_attention: no cache format %d; expected F32 or F16", dtype);
    JG_REQUIRE(heads > 0 && kv_heads > 0 && heads % kv_heads == 0 && heads / kv_heads <= 64,
               "jg_attention: %lld heads over %lld; expected a multiple of at most 64",
               static_cast<long long>(heads), static_cast<long long>(kv_heads));
    JG_REQUIRE(head_dim > 0 && head_dim % 2 == 0 && head_dim <= 256,
               "jg_attention: head_dim %lld; expected an even number of at most 256",
               static_cast<long long>(head_dim));
    JG_REQUIRE(ldq >= heads * head_dim && ldout >= heads * head_dim,
               "jg_attention: rows of %lld and %lld for %lld heads of %lld",
               static_cast<long long>(ldq), static_cast<long long>(ldout),
               static_cast<long long>(heads), static_cast<long long>(head_dim));
    const jangle::AttentionArgs args{&batch->view, dtype, heads, kv_heads, head_dim, scale,
                                     kv_pages,     q,     ldq,   out,      ldout};
    return stream->Submit([context = stream->context, args] {
      context->pool.Run(args.batch->rows * args.kv_heads, 1, [&](int64_t begin, int64_t end) {
        context->kernels.attention(args, begin, end);
      });
    });
  });
}

int32_t jg_swiglu(jg_stream* stream, int64_t rows, int64_t n, const float* gate, const float* up,
                  int64_t ldx, float* out, int64_t ldout) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_swiglu", stream, rows, n));
    JG_REQUIRE(gate != nullptr && up != nullptr && out != nullptr && ldx >= n && ldout >= n,
               "jg_swiglu: null or short rows");
    const jangle::SwigluArgs args{rows, n, gate, up, ldx, out, ldout};
    return stream->Submit([context = stream->context, args] {
      context->pool.Run(args.rows, MinItems(args.n), [&](int64_t begin, int64_t end) {
        context->kernels.swiglu(args, begin, end);
      });
    });
  });
}

int32_t jg_residual(jg_stream* stream, int64_t rows, int64_t n, const float* x, int64_t ldx,
                    float* y, int64_t ldy) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_residual", stream, rows, n));
    JG_REQUIRE(x != nullptr && y != nullptr && ldx >= n && ldy >= n,
               "jg_residual: null or short rows");
    const jangle::ResidualArgs args{rows, n, x, ldx, y, ldy};
    return stream->Submit([context = stream->context, args] {
      context->pool.Run(args.rows, MinItems(args.n), [&](int64_t begin, int64_t end) {
        context->kernels.residual(args, begin, end);
      });
    });
  });
}

int32_t jg_argmax(jg_stream* stream, int64_t rows, int64_t n, const float* logits,
                  int64_t ldlogits, int32_t* ids) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_argmax", stream, rows, n));
    JG_REQUIRE(logits != nullptr && ids != nullptr && ldlogits >= n,
               "jg_argmax: null or short rows");
    const jangle::ArgmaxArgs args{n, logits, ldlogits, ids};
    return stream->Submit([context = stream->context, args, rows] {
      context->pool.Run(rows, MinItems(args.n), [&](int64_t begin, int64_t end) {
        context->kernels.argmax(args, begin, end);
      });
    });
  });
}

int32_t jg_topk(jg_stream* stream, int64_t rows, int64_t n, int64_t k, const float* logits,
                int64_t ldlogits, int32_t* ids, float* values) {
  return Guard([&] {
    JG_CHECK(CheckRows("jg_topk", stream, rows, n));
    JG_REQUIRE(logits != nullptr && ids != nullptr && values != nullptr && ldlogits >= n,
               "jg_topk: null or short rows");
    JG_REQUIRE(k > 0 && k <= 64 && k <= n, "jg_topk: k %lld of %lld; expected 1 to 64",
               static_cast<long long>(k), static_cast<long long>(n));
    const jangle::TopkArgs args{n, k, logits, ldlogits, ids, values};
    return stream->Submit([context = stream->context, args, rows] {
      context->pool.Run(rows, MinItems(args.n), [&](int64_t begin, int64_t end) {
        context->kernels.topk(args, begin, end);
      });
    });
  });
}

int32_t jg_sample_scratch_bytes(jg_context* context, int64_t rows, int64_t n,
                                int64_t* scratch_bytes) {
  JG_REQUIRE(context != nullptr && scratch_bytes != nullptr,
             "jg_sample_scratch_bytes: null argument");
  JG_REQUIRE(rows > 0 && n > 0, "jg_sample_scratch_bytes: %lld rows of %lld",
             static_cast<long long>(rows), static_cast<long long>(n));
  *scratch_bytes = context->kernels.sample_scratch_bytes(rows, n);
  return JG_OK;
}

int32_t jg_sample(jg_stream* stream, jg_batch* batch, int64_t first_row, int64_t rows, int64_t n,
                  const float* logits, int64_t ldlogits, float temperature, int32_t top_k,
                  float top_p, float min_p, uint64_t seed, int32_t* ids, void* scratch,
                  int64_t scratch_bytes) {
  return Guard([&] {
    JG_CHECK(CheckBatch("jg_sample", stream, batch));
    JG_CHECK(CheckRows("jg_sample", stream, rows, n));
    JG_REQUIRE(first_row >= 0 && first_row <= batch->view.rows - rows,
               "jg_sample: rows %lld + %lld of %d", static_cast<long long>(first_row),
               static_cast<long long>(rows), batch->view.rows);
    JG_REQUIRE(logits != nullptr && ids != nullptr && ldlogits >= n,
               "jg_sample: null or short rows");
    JG_REQUIRE(temperature > 0 && temperature < 1e30F,
               "jg_sample: temperature %g; expected more than 0 (0 is jg_argmax)",
               static_cast<double>(temperature));
    JG_REQUIRE(top_k >= 0, "jg_sample: top_k %d", top_k);
    JG_REQUIRE(top_p > 0 && top_p <= 1, "jg_sample: top_p %g; expected (0, 1]",
               static_cast<double>(top_p));
    JG_REQUIRE(min_p >= 0 && min_p <= 1, "jg_sample: min_p %g; expected [0, 1]",
               static_cast<double>(min_p));
    const int64_t needed = stream->context->kernels.sample_scratch_bytes(rows, n);
    JG_REQUIRE(needed == 0 || (scratch != nullptr && scratch_bytes >= needed),
               "jg_sample: %lld bytes of scratch; needs %lld", static_cast<long long>(scratch_bytes),
               static_cast<long long>(needed));
    const jangle::SampleArgs args{&batch->view, first_row, n,     logits, ldlogits, temperature,
                                  top_k,        top_p,     min_p, seed,   ids,      scratch};
    return stream->Submit([context = stream->context, args, rows] {
      context->pool.Run(rows, MinItems(args.n), [&](int64_t begin, int64_t end) {
        context->kernels.sample(args, begin, end);
      });
    });
  });
}

}  // extern "C"
