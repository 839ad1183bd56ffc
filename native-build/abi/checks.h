// What the checks of the compute calls (ops_*.cpp) have in common.
#pragma once

#include "context.h"  // the handles, as the library at hand defines them
#include "error.h"
#include "run.h"
#include "run_training.h"

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

// A size or count: positive, and so small that no product of two overflows.
inline bool IsSize(int64_t n) { return n > 0 && n < (int64_t{1} << 31); }

inline int32_t CheckScratch(const char* call, int64_t needed, const void* scratch,
                            int64_t scratch_bytes) {
  JG_REQUIRE(needed == 0 || (scratch != nullptr && scratch_bytes >= needed),
             "%s: %lld bytes of scratch; needs %lld", call, static_cast<long long>(scratch_bytes),
             static_cast<long long>(needed));
  JG_REQUIRE(reinterpret_cast<uintptr_t>(scratch) % 64 == 0,
             "%s: the scratch is not aligned to 64 bytes", call);
  return JG_OK;
}

#define JG_CHECK(call)                          \
  do {                                          \
    if (int32_t status = (call)) return status; \
  } while (false)

}  // namespace jangle
