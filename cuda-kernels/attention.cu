// Tree-masked, grouped-query attention over the paged cache: tensor cores for F16, where a head's
// rows are whole units of 16 bytes; else one thread per product.
#include "attention.h"
#include "run.h"

namespace jangle {
namespace {

bool WholeUnits(int64_t head_dim) { return head_dim % 8 == 0; }

}  // namespace

int64_t AttentionScratchBytes(jg_context*, int64_t heads, int64_t head_dim, int64_t rows,
                              int64_t max_pages) {
  return WholeUnits(head_dim) ? AttentionF16ScratchBytes(heads, head_dim, rows, max_pages) : 0;
}

int32_t RunAttention(jg_stream* stream, const AttentionArgs& args) {
  return args.dtype == JG_F16 && WholeUnits(args.head_dim) ? RunAttentionF16(stream, args)
                                                           : RunAttentionSimt(stream, args);
}

}  // namespace jangle
