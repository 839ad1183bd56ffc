// What the opaque handles of jangle.h are on the CPU.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "batch_rows.h"
#include "jangle.h"
#include "kernels.h"
#include "pool.h"

struct jg_context {
  jg_context(int threads, int32_t tier_, const jangle::Kernels& kernels_)
      : pool(threads), tier(tier_), kernels(kernels_) {}

  jangle::Pool pool;
  const int32_t tier;
  const jangle::Kernels& kernels;
};

// Recorded compute calls, in order.
struct jg_graph {
  std::vector<std::function<void()>> calls;
};

struct jg_stream {
  jg_context* context;
  jg_graph* recording = nullptr;  // owned, between jg_graph_begin and jg_graph_end

  // Runs a checked compute call, or records it.
  template <typename Fn>
  int32_t Submit(Fn&& call) {
    if (recording != nullptr) {
      recording->calls.emplace_back(std::forward<Fn>(call));
    } else {
      call();
    }
    return JG_OK;
  }
};

struct jg_event {
  std::optional<std::chrono::steady_clock::time_point> time;  // of the last record
};

struct jg_batch {
  jg_batch(int32_t max_rows, int32_t max_sequences, int32_t max_pages)
      : rows(max_rows, max_sequences, max_pages), block(static_cast<size_t>(rows.Ints())) {
    rows.Place(block.data());
  }

  jangle::BatchRows rows;
  jangle::BatchView view;
  std::vector<int32_t> block;
};

namespace jangle {

// The best tier of this processor, as JG_TIER_*.
int32_t BestTier();
// Null where this library was built without the tier.
const Kernels* KernelsOfTier(int32_t tier);

}  // namespace jangle
