// What the checks of the compute calls (ops_*.cpp) have in common.
#pragma once

#include "context.h"  // the handles, as the library at hand defines them
#include "error.h"
#include "run.h"

namespace jangle {

inline bool IsCache(int32_t dtype) { return dtype == JG_F32 || dtype == JG_F16; }

inline int32_t CheckRows(const char* call, jg_stream* stream, int64_t rows, int64_t n) {
  JG_REQUIRE(stream != nullptr, "%s: stream is null", call);
  JG_REQUIRE(rows > 0 && n > 0, "%s: %lld rows of %lld", call, static_cast<long long>(rows),
             static_cast<long long>(n));
  return JG_OK;
}

inline int32_t CheckBatch(const char* call, jg_stream* stream, jg_batch* batch) {
  JG_REQUIRE(stream != nullptr && batch != nullptr, "%s: null stream or batch", call);
  JG_REQUIRE(batch->view.rows > 0, "%s: the batch is empty; call jg_batch_set first", call);
  return JG_OK;
}

#define JG_CHECK(call)                          \
  do {                                          \
    if (int32_t status = (call)) return status; \
  } while (false)

}  // namespace jangle
