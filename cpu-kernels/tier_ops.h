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

}  // namespace jangle::JG_TIER_NS
