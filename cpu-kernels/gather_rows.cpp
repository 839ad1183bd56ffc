// out[i] = table[ids[i]], rows of n. An id outside of the table gives NaN.
#include <cstring>

#include "row_sum.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {

void GatherRows(const GatherRowsArgs& args, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const int64_t id = args.ids[row];
    float* out = args.out + row * args.ldout;
    if (id >= 0 && id < args.table_rows) {
      memcpy(out, args.table + id * args.ldtable, sizeof(float) * static_cast<size_t>(args.n));
    } else {
      ForLanes(args.n, [out](int64_t i, int lanes) {
        StoreLanes(out + i, Set(__builtin_nanf("")), lanes);
      });
    }
  }
}

}  // namespace jangle::JG_TIER_NS
