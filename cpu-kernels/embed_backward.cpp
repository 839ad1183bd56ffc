// dtable[ids[i]] += dout[i]. order: the rows sorted by (id, row), so that the rows of one id stand
// together in ascending order. An item is a place in `order`; whoever has the first place of an id
// adds all of its rows, one after the other, so no two threads touch one row of the table and the
// order of each sum is that of the rows.
#include "row_sum.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

// The id at a place of the order, or -1 where the row or its id does not exist.
int64_t IdAt(const EmbedBackwardArgs& args, int64_t place) {
  const int64_t row = args.order[place];
  if (row < 0 || row >= args.rows) return -1;
  const int64_t id = args.ids[row];
  return id >= 0 && id < args.table_rows ? id : -1;
}

}  // namespace

void EmbedBackward(const EmbedBackwardArgs& args, int64_t begin, int64_t end) {
  for (int64_t first = begin; first < end; first++) {
    const int64_t id = IdAt(args, first);
    if (id < 0 || (first > 0 && IdAt(args, first - 1) == id)) continue;
    float* to = args.dtable + id * args.lddtable;
    for (int64_t place = first; place < args.rows && IdAt(args, place) == id; place++) {
      const float* from = args.dout + args.order[place] * args.lddout;
      ForLanes(args.n, [=](int64_t i, int lanes) {
        StoreLanes(to + i, Add(LoadLanes(to + i, lanes), LoadLanes(from + i, lanes)), lanes);
      });
    }
  }
}

}  // namespace jangle::JG_TIER_NS
