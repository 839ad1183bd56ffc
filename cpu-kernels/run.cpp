// The operations on the CPU: each cuts its work into ranges of items, which the pool's threads run.
#include "run.h"

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

}  // namespace jangle
