// Moves keys and values of accepted slots down to the slots behind the committed ones.
#include "error.h"
#include "kv_move.h"
#include "run.h"

namespace jangle {

int32_t RunKvGather(jg_stream* stream, const KvGatherArgs& args) {
  // The slots are the caller's and may be gone when a recording is launched.
  JG_REQUIRE(stream->recording == nullptr, "jg_kv_gather cannot be recorded on the CPU");
  MoveSlots(stream->context, args, args.page_table, args.count, args.from, args.to);
  return JG_OK;
}

}  // namespace jangle
