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

// Whether a table of rotations has all positions of the batch.
inline int32_t CheckPositions(const char* call, jg_batch* batch, int64_t table_positions) {
  for (int32_t i = 0; i < batch->view.rows; i++) {
    JG_REQUIRE(batch->rows.position[i] < table_positions,
               "%s: row %d: position %d; the table has %lld", call, i, batch->rows.position[i],
               static_cast<long long>(table_positions));
  }
  return JG_OK;
}

inline bool IsWeight(int32_t dtype) { return dtype >= JG_F32 && dtype <= JG_Q4_1; }

inline int32_t CheckWeight(const char* call, int32_t dtype, int64_t n, int64_t k) {
  JG_REQUIRE(IsWeight(dtype), "%s: no weight format %d", call, dtype);
  // k: so that kernels may count 16 inputs at a time, 32 times over, in 32 bits.
  JG_REQUIRE(n > 0 && k > 0 && n < (int64_t{1} << 31) && k <= (int64_t{1} << 30),
             "%s: a weight of %lld x %lld", call, static_cast<long long>(n),
             static_cast<long long>(k));
  JG_REQUIRE(dtype < JG_Q8_0 || k % 32 == 0,
             "%s: k = %lld; a format of blocks needs a multiple of 32", call,
             static_cast<long long>(k));
  return JG_OK;
}

// Kernels read 16 bytes at a time, from every 16th on.
inline int32_t CheckPacked(const char* call, const void* packed) {
  JG_REQUIRE(packed != nullptr, "%s: the packed weight is null", call);
  JG_REQUIRE(reinterpret_cast<uintptr_t>(packed) % 16 == 0,
             "%s: the packed weight is not aligned to 16 bytes", call);
  return JG_OK;
}

// What matrix products have in common.
inline int32_t CheckProduct(const char* call, jg_stream* stream, int32_t dtype, int64_t n,
                            int64_t k, const void* packed, int64_t rows, const float* x,
                            int64_t ldx, const float* y, int64_t ldy) {
  if (int32_t status = CheckRows(call, stream, rows, n)) return status;
  if (int32_t status = CheckWeight(call, dtype, n, k)) return status;
  if (int32_t status = CheckPacked(call, packed)) return status;
  JG_REQUIRE(x != nullptr && y != nullptr, "%s: null argument", call);
  JG_REQUIRE(ldx >= k && ldy >= n, "%s: ldx %lld for k %lld, ldy %lld for n %lld", call,
             static_cast<long long>(ldx), static_cast<long long>(k), static_cast<long long>(ldy),
             static_cast<long long>(n));
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
