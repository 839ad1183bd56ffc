// Sets bytes to 0, in stream order.
#include "check.h"
#include "context.h"
#include "run_training.h"

namespace jangle {

int32_t RunZero(jg_stream* stream, const ZeroArgs& args) {
  JG_CUDA(cudaMemsetAsync(args.buffer, 0, static_cast<size_t>(args.bytes), stream->stream));
  return JG_OK;
}

}  // namespace jangle
