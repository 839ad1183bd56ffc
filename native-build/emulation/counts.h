// How often the host has turned to the device.
#pragma once

#include <cstdint>

namespace jangle::emulation {

// Calls that the device runs one by one, and graphs, each of which it runs as a whole: what a graph
// is made of does not count, neither when it is captured nor when it is launched.
struct Counts {
  uint64_t kernels = 0;
  uint64_t transfers = 0;  // copies and sets in stream order
  uint64_t graphs = 0;
  uint64_t waits = 0;  // for a stream
};

// Guarded by DeviceLock.
Counts& TheCounts();

}  // namespace jangle::emulation
