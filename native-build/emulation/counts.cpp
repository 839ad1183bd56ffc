#include "counts.h"

#include "device.h"

namespace jangle::emulation {

Counts& TheCounts() {
  static Counts counts;
  return counts;
}

}  // namespace jangle::emulation

// For tests: kernels, transfers, graphs and waits so far, in this order.
extern "C" __attribute__((visibility("default"))) void jangle_emulation_counts(uint64_t* counts) {
  using namespace jangle::emulation;
  const DeviceLock lock;
  counts[0] = TheCounts().kernels;
  counts[1] = TheCounts().transfers;
  counts[2] = TheCounts().graphs;
  counts[3] = TheCounts().waits;
}
