// The k first tokens of a row in order of rank. Shared by topk.cu and sample.cu.
//
// Of 1024 threads each finds the best of its own tokens. The k-th best of these is a bound that
// k tokens of the row reach and, in most rows, hardly more: they are gathered and the rest happens
// in shared memory. So a row is read twice. Where the list is too short, the row is read again for
// each digit of the selection.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "select.cuh"

namespace jangle {

struct TopkSelection {
  uint64_t threshold;  // the tokens with rank >= threshold are the first k
  Tokens tokens;       // all of them, and others
};

// `thread_largest`: this thread's ThreadLargest over the row, no NaN; `most`: the largest of all
// threads. 1 <= k <= n.
template <int kThreads>
__device__ __forceinline__ TopkSelection SelectTopk(const float* row, int64_t n, int64_t k,
                                                    uint64_t thread_largest, uint64_t most,
                                                    SelectShared<kThreads>& shared) {
  // Rows longer than the list give every second thread a token or more.
  constexpr int64_t kMostBounded = kListCapacity / 4;
  const auto target = static_cast<uint64_t>(k);
  uint64_t least = 0;
  if (n > kListCapacity && k <= kMostBounded) {
    shared.list[threadIdx.x] = thread_largest;
    const Tokens largest = {shared.list, nullptr, kThreads};
    least = SelectThreshold(largest, CountOne(), 0, most, target, shared);
  }
  const int64_t gathered = Gather(row, n, least, shared);
  const Tokens tokens =
      gathered <= kListCapacity ? Tokens{shared.list, nullptr, gathered} : Tokens{nullptr, row, n};
  return {SelectThreshold(tokens, CountOne(), least, most, target, shared), tokens};
}

}  // namespace jangle
