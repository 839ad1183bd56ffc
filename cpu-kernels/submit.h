// How an operation gets onto a stream: its items cut into ranges, which the pool's threads run.
#pragma once

#include <algorithm>
#include <atomic>

#include "context.h"

namespace jangle {

// Below this many elements an elementwise call is cheaper alone than shared: waking a worker that
// spins costs about as much as 4,096 elements (Zen 3, 2 cores).
inline constexpr int64_t kMinElements = 4096;

inline int64_t MinItems(int64_t elements_per_item) {
  return std::max<int64_t>(1, kMinElements / std::max<int64_t>(1, elements_per_item));
}

// Puts a kernel on the stream: over `items` items, at least `min_items` of them to a thread.
template <typename Args>
int32_t Submit(jg_stream* stream, const Args& args, int64_t items, int64_t min_items,
               void (*Kernels::*kernel)(const Args&, int64_t, int64_t)) {
  return stream->Submit([context = stream->context, args, items, min_items, kernel] {
    context->pool.Run(items, min_items, [&](int64_t begin, int64_t end) {
      (context->kernels.*kernel)(args, begin, end);
    });
  });
}

// Runs work(begin, end, worker) over [0, items): `share` items at a time go to whichever worker is
// free, in ascending order. Calls at the same time have different workers, in [0, threads).
template <typename Work>
void RunWorkers(jg_context* context, int64_t items, int64_t share, const Work& work) {
  std::atomic<int64_t> next{0};
  context->pool.Run(context->pool.threads(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t worker = begin; worker < end; worker++) {
      for (;;) {
        const int64_t item = next.fetch_add(share, std::memory_order_relaxed);
        if (item >= items) break;
        work(item, std::min(items, item + share), worker);
      }
    }
  });
}

}  // namespace jangle
