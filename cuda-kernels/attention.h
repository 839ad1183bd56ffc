// The two ways of attention; which one runs depends on the cache's format and the head's size.
#pragma once

#include "args.h"
#include "jangle.h"

namespace jangle {

// head_dim a multiple of 8, at most 256.
int32_t RunAttentionF16(jg_stream* stream, const AttentionArgs& args);
int64_t AttentionF16ScratchBytes(int64_t heads, int64_t head_dim, int64_t rows, int64_t max_pages);

int32_t RunAttentionSimt(jg_stream* stream, const AttentionArgs& args);

}  // namespace jangle
