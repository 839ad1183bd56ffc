// The operations of training on the CPU.
#include "run_training.h"

#include <cstring>

#include "error.h"
#include "submit.h"

namespace jangle {
namespace {

// A matrix product gives out its items in so many shares per worker: more are better balanced,
// fewer stream better.
constexpr int64_t kSharesPerWorker = 8;
constexpr int64_t kZeroBytes = 1 << 20;  // bytes of an item of jg_zero

void Multiply(jg_context* context, const GemmArgs& args, int64_t stage) {
  const Kernels& kernels = context->kernels;
  context->pool.Run(kernels.gemm_shared_items(args), 1, [&](int64_t begin, int64_t end) {
    kernels.gemm_pack(args, stage, begin, end);
  });
  const int64_t items = kernels.gemm_items(args);
  const int64_t share = std::max<int64_t>(1, items / (context->pool.threads() * kSharesPerWorker));
  RunWorkers(context, items, share, [&](int64_t begin, int64_t end, int64_t worker) {
    kernels.gemm(args, stage, begin, end, worker);
  });
}

}  // namespace

int32_t CheckGemmProducts(const char* call, int32_t products) {
  if (products == JG_F32) return JG_OK;
  return Fail(JG_UNSUPPORTED, "%s: the CPU has no products of JG_BF16; ask for JG_F32", call);
}

int64_t GemmScratchBytes(jg_context* context, int32_t, int64_t m, int64_t n, int64_t k) {
  return context->kernels.gemm_scratch_bytes(m, n, k, context->pool.threads());
}

int64_t RmsnormBackwardScratchBytes(jg_context*, int64_t rows, int64_t groups, int64_t) {
  return rows * groups * static_cast<int64_t>(sizeof(float));
}

int64_t AttentionForwardScratchBytes(jg_context* context, int64_t rows, int64_t, int64_t kv_heads,
                                     int64_t head_dim) {
  return context->kernels.attention_forward_scratch_bytes(rows, kv_heads, head_dim,
                                                          context->pool.threads());
}

int64_t AttentionBackwardScratchBytes(jg_context* context, int64_t rows, int64_t heads,
                                      int64_t kv_heads, int64_t head_dim) {
  return context->kernels.attention_backward_scratch_bytes(rows, heads, kv_heads, head_dim,
                                                           context->pool.threads());
}

int64_t SumSquaresScratchBytes(jg_context* context, int64_t n) {
  return context->kernels.sum_squares_items(n) * static_cast<int64_t>(sizeof(double));
}

int32_t RunZero(jg_stream* stream, const ZeroArgs& args) {
  return stream->Submit([context = stream->context, args] {
    context->pool.Run((args.bytes + kZeroBytes - 1) / kZeroBytes, 1,
                      [&](int64_t begin, int64_t end) {
                        const int64_t last = std::min(args.bytes, end * kZeroBytes);
                        std::memset(static_cast<char*>(args.buffer) + begin * kZeroBytes, 0,
                                    static_cast<size_t>(last - begin * kZeroBytes));
                      });
  });
}

int32_t RunGemm(jg_stream* stream, const GemmArgs& args) {
  return stream->Submit([context = stream->context, args] {
    for (int64_t stage = 0; stage < context->kernels.gemm_stages(args); stage++) {
      Multiply(context, args, stage);
    }
  });
}

int32_t RunGatherRows(jg_stream* stream, const GatherRowsArgs& args) {
  return Submit(stream, args, args.rows, MinItems(args.n), &Kernels::gather_rows);
}

int32_t RunEmbedBackward(jg_stream* stream, const EmbedBackwardArgs& args) {
  return Submit(stream, args, args.rows, MinItems(args.n), &Kernels::embed_backward);
}

int32_t RunRmsnormBackward(jg_stream* stream, const RmsnormBackwardArgs& args) {
  Submit(stream, args, args.rows * args.groups, MinItems(args.n), &Kernels::rmsnorm_backward);
  if (args.dweight == nullptr) return JG_OK;
  return Submit(stream, args, stream->context->kernels.rmsnorm_weight_items(args.n), 1,
                &Kernels::rmsnorm_weight_backward);
}

int32_t RunRopeRows(jg_stream* stream, const RopeRowsArgs& args) {
  return Submit(stream, args, args.rows, MinItems(args.heads * args.head_dim), &Kernels::rope_rows);
}

int32_t RunSwigluBackward(jg_stream* stream, const SwigluBackwardArgs& args) {
  return Submit(stream, args, args.rows, MinItems(args.n), &Kernels::swiglu_backward);
}

int32_t RunAttentionForward(jg_stream* stream, const AttentionForwardArgs& args) {
  return stream->Submit([context = stream->context, args] {
    const Kernels& kernels = context->kernels;
    context->pool.Run(kernels.attention_pack_items(args.rows), 1, [&](int64_t begin, int64_t end) {
      kernels.attention_forward_pack(args, begin, end);
    });
    RunWorkers(context, kernels.attention_blocks(args.rows) * args.heads, 1,
               [&](int64_t begin, int64_t end, int64_t worker) {
                 kernels.attention_forward(args, begin, end, worker);
               });
  });
}

int32_t RunAttentionBackward(jg_stream* stream, const AttentionBackwardArgs& args) {
  return stream->Submit([context = stream->context, args] {
    const Kernels& kernels = context->kernels;
    context->pool.Run(kernels.attention_pack_items(args.rows), 1, [&](int64_t begin, int64_t end) {
      kernels.attention_backward_pack(args, begin, end);
    });
    const int64_t blocks = kernels.attention_blocks(args.rows);
    RunWorkers(context, blocks * args.heads, 1, [&](int64_t begin, int64_t end, int64_t worker) {
      kernels.attention_backward_queries(args, begin, end, worker);
    });
    RunWorkers(context, blocks * args.kv_heads, 1, [&](int64_t begin, int64_t end, int64_t worker) {
      kernels.attention_backward_keys(args, begin, end, worker);
    });
  });
}

int32_t RunCrossEntropy(jg_stream* stream, const CrossEntropyArgs& args) {
  return Submit(stream, args, args.rows, MinItems(args.n), &Kernels::cross_entropy);
}

int32_t RunSumSquares(jg_stream* stream, const SumSquaresArgs& args) {
  const int64_t items = stream->context->kernels.sum_squares_items(args.n);
  Submit(stream, args, items, 1, &Kernels::sum_squares);
  return stream->Submit([args, items] {
    const double* parts = static_cast<const double*>(args.scratch);
    double sum = 0;
    for (int64_t i = 0; i < items; i++) sum += parts[i];
    *args.sum = sum;
  });
}

int32_t RunAdamw(jg_stream* stream, const AdamwArgs& args) {
  return Submit(stream, args, stream->context->kernels.adamw_items(args.n), 1, &Kernels::adamw);
}

}  // namespace jangle
