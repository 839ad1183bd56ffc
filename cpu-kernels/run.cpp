// The operations on the CPU: each cuts its work into ranges of items, which the pool's threads run.
#include "run.h"

#include <cstring>

#include "error.h"
#include "submit.h"

namespace jangle {
int64_t PackBytes(jg_context* context, int32_t dtype, int64_t n, int64_t k) {
  return context->kernels.pack_bytes(dtype, n, k);
}

int64_t MatmulScratchBytes(jg_context* context, int32_t dtype, int64_t n, int64_t k, int64_t rows) {
  return context->kernels.matmul_scratch_bytes(dtype, n, k, rows);
}

int64_t AttentionScratchBytes(jg_context*, int64_t, int64_t, int64_t, int64_t) { return 0; }

int64_t SampleScratchBytes(jg_context* context, int64_t rows, int64_t n) {
  return context->kernels.sample_scratch_bytes(rows, n);
}

int32_t RunPack(jg_stream* stream, const PackArgs& args) {
  // Several rows share a cache line of the packed layout; ranges of 32 rows seldom do.
  return Submit(stream, args, args.n_rows, 32, &Kernels::pack);
}

int32_t RunEmbed(jg_stream* stream, const EmbedArgs& args) {
  return Submit(stream, args, args.batch->rows, MinItems(args.k), &Kernels::embed);
}

int32_t RunMatmul(jg_stream* stream, const MatmulArgs& args) {
  const Kernels& kernels = stream->context->kernels;
  if (kernels.matmul_scratch_bytes(args.dtype, args.n, args.k, args.rows) > 0) {
    Submit(stream, args, args.rows, MinItems(args.k), &Kernels::matmul_prepare);
  }
  return Submit(stream, args, kernels.matmul_tiles(args.dtype, args.n, args.k), 1,
                &Kernels::matmul);
}

int32_t RunRmsnorm(jg_stream* stream, const RmsnormArgs& args) {
  return Submit(stream, args, args.rows * args.groups, MinItems(args.n), &Kernels::rmsnorm);
}

int32_t RunRope(jg_stream* stream, const RopeArgs& args) {
  return Submit(stream, args, args.batch->rows, MinItems(args.heads * args.head_dim),
                &Kernels::rope);
}

int32_t RunKvAppend(jg_stream* stream, const KvAppendArgs& args) {
  return Submit(stream, args, args.batch->rows, MinItems(2 * args.kv_heads * args.head_dim),
                &Kernels::kv_append);
}

int32_t RunAttention(jg_stream* stream, const AttentionArgs& args) {
  return Submit(stream, args, args.batch->rows * args.kv_heads, 1, &Kernels::attention);
}

int32_t RunSwiglu(jg_stream* stream, const SwigluArgs& args) {
  return Submit(stream, args, args.rows, MinItems(args.n), &Kernels::swiglu);
}

int32_t RunResidual(jg_stream* stream, const ResidualArgs& args) {
  return Submit(stream, args, args.rows, MinItems(args.n), &Kernels::residual);
}

int32_t RunArgmax(jg_stream* stream, const ArgmaxArgs& args) {
  return Submit(stream, args, args.rows, MinItems(args.n), &Kernels::argmax);
}

int32_t RunTopk(jg_stream* stream, const TopkArgs& args) {
  return Submit(stream, args, args.rows, MinItems(args.n), &Kernels::topk);
}

int32_t RunSample(jg_stream* stream, const SampleArgs& args) {
  return Submit(stream, args, args.rows, MinItems(args.n), &Kernels::sample);
}

int32_t RunKvGather(jg_stream* stream, const KvGatherArgs& args) {
  // The slots are the caller's and may be gone when a recording is launched.
  JG_REQUIRE(stream->recording == nullptr, "jg_kv_gather cannot be recorded on the CPU");
  const int64_t head_bytes = args.head_dim * (args.dtype == JG_F32 ? 4 : 2);
  const int64_t block_bytes = args.kv_heads * JG_PAGE * head_bytes;  // K, or V, of one page
  const auto at = [&](char* layer, int32_t slot) {
    return layer + 2 * block_bytes * args.page_table[slot / JG_PAGE] +
           head_bytes * (slot % JG_PAGE);
  };
  const auto copy_layers = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      char* layer = static_cast<char*>(args.kv_pages) + i * args.layer_bytes;
      // Ascending, and no target lies past its source: nothing is overwritten before it is read.
      for (int64_t j = 0; j < args.count; j++) {
        if (args.from[j] == args.to[j]) continue;
        const char* source = at(layer, args.from[j]);
        char* target = at(layer, args.to[j]);
        for (int64_t head = 0; head < 2 * args.kv_heads; head++) {
          std::memcpy(target + head * JG_PAGE * head_bytes, source + head * JG_PAGE * head_bytes,
                      static_cast<size_t>(head_bytes));
        }
      }
    }
  };
  stream->context->pool.Run(args.layers, MinItems(2 * args.count * args.kv_heads * args.head_dim),
                            copy_layers);
  return JG_OK;
}

}  // namespace jangle
