// Shapes and formats that tests of the matrix product go through.
#pragma once

#include "weights_on_device.h"

namespace jangle::test {

struct Shape {
  int64_t n, k;
};

inline bool IsBlocked(int32_t dtype) { return dtype >= JG_Q8_0; }

// The formats of single elements take any k: one more than a multiple of 32 and an odd number of
// blocks are the awkward cases.
inline int64_t AwkwardK(int32_t dtype, int64_t k) { return IsBlocked(dtype) ? k : k + 1; }

template <typename Fn>
void EachFormat(const Fn& fn) {
  for (int32_t dtype = JG_F32; dtype <= JG_Q4_1; dtype++) {
    CHECK_CONTEXT("%s", kFormatNames[dtype]);
    fn(dtype);
  }
}

}  // namespace jangle::test
