// What a backend's library gives to the one ABI: an operation with checked arguments, put on a
// stream. Each returns JG_OK, or a status whose text Fail() has kept.
#pragma once

#include "args.h"
#include "jangle.h"

namespace jangle {

int64_t PackBytes(jg_context* context, int32_t dtype, int64_t n, int64_t k);
int64_t MatmulScratchBytes(jg_context* context, int32_t dtype, int64_t n, int64_t k, int64_t rows);
int64_t FusedMatmulScratchBytes(jg_context* context, int32_t dtype, int64_t n, int64_t k,
                                int64_t rows);
int64_t AttentionScratchBytes(jg_context* context, int64_t heads, int64_t head_dim, int64_t rows,
                              int64_t max_pages);
int64_t SampleScratchBytes(jg_context* context, int64_t rows, int64_t n);

int32_t RunPack(jg_stream* stream, const PackArgs& args);
int32_t RunEmbed(jg_stream* stream, const EmbedArgs& args);
int32_t RunMatmul(jg_stream* stream, const MatmulArgs& args);
int32_t RunRmsnormMatmul(jg_stream* stream, const RmsnormMatmulArgs& args);
int32_t RunSwigluMatmul(jg_stream* stream, const SwigluMatmulArgs& args);
int32_t RunRmsnorm(jg_stream* stream, const RmsnormArgs& args);
int32_t RunRope(jg_stream* stream, const RopeArgs& args);
int32_t RunRopeAppend(jg_stream* stream, const RopeAppendArgs& args);
int32_t RunKvAppend(jg_stream* stream, const KvAppendArgs& args);
int32_t RunKvGather(jg_stream* stream, const KvGatherArgs& args);
int32_t RunAccept(jg_stream* stream, const AcceptArgs& args);
int32_t RunAttention(jg_stream* stream, const AttentionArgs& args);
int32_t RunSwiglu(jg_stream* stream, const SwigluArgs& args);
int32_t RunResidual(jg_stream* stream, const ResidualArgs& args);
int32_t RunArgmax(jg_stream* stream, const ArgmaxArgs& args);
int32_t RunTopk(jg_stream* stream, const TopkArgs& args);
int32_t RunSample(jg_stream* stream, const SampleArgs& args);

}  // namespace jangle
