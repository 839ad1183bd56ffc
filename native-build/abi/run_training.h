// What a backend's library gives to the ABI for training; see run.h.
#pragma once

#include "jangle.h"
#include "training_args.h"

namespace jangle {

// Whether jg_gemm can multiply so, JG_F32 or JG_BF16; else what to do about it.
int32_t CheckGemmProducts(const char* call, int32_t products);

int64_t GemmScratchBytes(jg_context* context, int32_t products, int64_t m, int64_t n, int64_t k);
int64_t RmsnormBackwardScratchBytes(jg_context* context, int64_t rows, int64_t groups, int64_t n);
int64_t AttentionForwardScratchBytes(jg_context* context, int64_t rows, int64_t heads,
                                     int64_t kv_heads, int64_t head_dim);
int64_t AttentionBackwardScratchBytes(jg_context* context, int64_t rows, int64_t heads,
                                      int64_t kv_heads, int64_t head_dim);
int64_t SumSquaresScratchBytes(jg_context* context, int64_t n);

int32_t RunZero(jg_stream* stream, const ZeroArgs& args);
int32_t RunGemm(jg_stream* stream, const GemmArgs& args);
int32_t RunGatherRows(jg_stream* stream, const GatherRowsArgs& args);
int32_t RunEmbedBackward(jg_stream* stream, const EmbedBackwardArgs& args);
int32_t RunRmsnormBackward(jg_stream* stream, const RmsnormBackwardArgs& args);
int32_t RunRopeRows(jg_stream* stream, const RopeRowsArgs& args);
int32_t RunSwigluBackward(jg_stream* stream, const SwigluBackwardArgs& args);
int32_t RunAttentionForward(jg_stream* stream, const AttentionForwardArgs& args);
int32_t RunAttentionBackward(jg_stream* stream, const AttentionBackwardArgs& args);
int32_t RunCrossEntropy(jg_stream* stream, const CrossEntropyArgs& args);
int32_t RunSumSquares(jg_stream* stream, const SumSquaresArgs& args);
int32_t RunAdamw(jg_stream* stream, const AdamwArgs& args);

}  // namespace jangle
