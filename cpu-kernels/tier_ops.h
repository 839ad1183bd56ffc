// The operations of one instruction-set tier. CMake compiles the files of cpu-kernels/ that include
// this header once per tier, with JG_TIER_NS naming the tier and its -m flags, so everything they
// define must live in that namespace or be local to the file: an inline function shared between
// tiers would be linked once, with the instructions of whichever tier came first.
#pragma once

#include "kernels.h"

#ifndef JG_TIER_NS
#error "compile once per tier with -DJG_TIER_NS=scalar|avx2|avx512|avx512bf16"
#endif

namespace jangle::JG_TIER_NS {

int64_t PackBytes(int32_t dtype, int64_t n, int64_t k);
void Pack(const PackArgs& args, int64_t begin, int64_t end);
void Embed(const EmbedArgs& args, int64_t begin, int64_t end);
int64_t MatmulScratchBytes(int32_t dtype, int64_t n, int64_t k, int64_t rows);
void MatmulPrepare(const MatmulArgs& args, int64_t begin, int64_t end);
int64_t MatmulTiles(int32_t dtype, int64_t n, int64_t k);
void Matmul(const MatmulArgs& args, int64_t begin, int64_t end);
void Rmsnorm(const RmsnormArgs& args, int64_t begin, int64_t end);
void Rope(const RopeArgs& args, int64_t begin, int64_t end);
void KvAppend(const KvAppendArgs& args, int64_t begin, int64_t end);
void Attention(const AttentionArgs& args, int64_t begin, int64_t end);
void Swiglu(const SwigluArgs& args, int64_t begin, int64_t end);
void Residual(const ResidualArgs& args, int64_t begin, int64_t end);
void Argmax(const ArgmaxArgs& args, int64_t begin, int64_t end);
void Topk(const TopkArgs& args, int64_t begin, int64_t end);
int64_t SampleScratchBytes(int64_t rows, int64_t n);
void Sample(const SampleArgs& args, int64_t begin, int64_t end);
int64_t GemmScratchBytes(int64_t m, int64_t n, int64_t k, int64_t workers);
int64_t GemmStages(const GemmArgs& args);
int64_t GemmSharedItems(const GemmArgs& args);
int64_t GemmItems(const GemmArgs& args);
void GemmPack(const GemmArgs& args, int64_t stage, int64_t begin, int64_t end);
void Gemm(const GemmArgs& args, int64_t stage, int64_t begin, int64_t end, int64_t worker);
int64_t AttentionForwardScratchBytes(int64_t rows, int64_t kv_heads, int64_t head_dim,
                                     int64_t workers);
int64_t AttentionBackwardScratchBytes(int64_t rows, int64_t heads, int64_t kv_heads,
                                      int64_t head_dim, int64_t workers);
int64_t AttentionPackItems(int64_t rows);
int64_t AttentionBlocks(int64_t rows);
void AttentionForwardPack(const AttentionForwardArgs& args, int64_t begin, int64_t end);
void AttentionForward(const AttentionForwardArgs& args, int64_t begin, int64_t end, int64_t worker);
void AttentionBackwardPack(const AttentionBackwardArgs& args, int64_t begin, int64_t end);
void AttentionBackwardQueries(const AttentionBackwardArgs& args, int64_t begin, int64_t end,
                              int64_t worker);
void AttentionBackwardKeys(const AttentionBackwardArgs& args, int64_t begin, int64_t end,
                           int64_t worker);
void GatherRows(const GatherRowsArgs& args, int64_t begin, int64_t end);
void EmbedBackward(const EmbedBackwardArgs& args, int64_t begin, int64_t end);
void RmsnormBackward(const RmsnormBackwardArgs& args, int64_t begin, int64_t end);
int64_t RmsnormWeightItems(int64_t n);
void RmsnormWeightBackward(const RmsnormBackwardArgs& args, int64_t begin, int64_t end);
void RopeRows(const RopeRowsArgs& args, int64_t begin, int64_t end);
void SwigluBackward(const SwigluBackwardArgs& args, int64_t begin, int64_t end);
void CrossEntropy(const CrossEntropyArgs& args, int64_t begin, int64_t end);
int64_t SumSquaresItems(int64_t n);
void SumSquares(const SumSquaresArgs& args, int64_t begin, int64_t end);
int64_t AdamwItems(int64_t n);
void Adamw(const AdamwArgs& args, int64_t begin, int64_t end);

}  // namespace jangle::JG_TIER_NS
