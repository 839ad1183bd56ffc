// What the checks of the compute calls (ops_*.cpp) have in common.
#pragma once

#include <algorithm>

#include "context.h"
#include "error.h"

namespace jangle {

// Below this many elements an elementwise call is cheaper alone than shared: waking a worker that
// spins costs about as much as 4,096 elements (Zen 3, 2 cores).
constexpr int64_t kMinElements = 4096;

inline int64_t MinItems(int64_t elements_per_item) {
  return std::max<int64_t>(1, kMinElements / std::max<int64_t>(1, elements_per_item));
}

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
