// Walks the tree of each sequence along the choices of the model, and moves the keys and values of
// the rows walked to the slots from the committed position on.
//
// A row's parent comes before it, so one pass over the rows in ascending order makes the walk: the
// next row is the first one whose parent is the row walked last and whose token is what the model
// chose there.
#include <algorithm>
#include <array>

#include "kv_move.h"
#include "run.h"

namespace jangle {
namespace {

void AcceptSequence(jg_context* context, const AcceptArgs& args, int32_t sequence) {
  const BatchView& batch = *args.batch;
  int32_t first = 0;
  while (first < *batch.live && batch.sequence[first] < sequence) first++;
  std::array<int32_t, JG_MAX_TREE> from;
  std::array<int32_t, JG_MAX_TREE> to;
  size_t count = 0;
  int32_t last = first;
  int32_t walked = 1;
  const int32_t end = std::min(first + JG_MAX_TREE, *batch.live);
  for (int32_t row = first + 1; row < end && batch.sequence[row] == sequence; row++) {
    if (batch.parent[row] != last || batch.token[row] != args.ids[last * args.ldids]) continue;
    last = row;
    if (row != first + walked) {
      from[count] = batch.slot[row];
      to[count] = batch.slot[first] + walked;
      count++;
    }
    walked++;
  }
  if (count == 0) return;
  MoveSlots(context, args, batch.pages + int64_t{sequence} * batch.max_pages,
            static_cast<int64_t>(count), from.data(), to.data());
}

}  // namespace

int32_t RunAccept(jg_stream* stream, const AcceptArgs& args) {
  return stream->Submit([context = stream->context, args] {
    for (int32_t sequence = 0; sequence < args.sequences; sequence++) {
      AcceptSequence(context, args, sequence);
    }
  });
}

}  // namespace jangle
