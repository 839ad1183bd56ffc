// __syncthreads and named barriers. PTX ISA, "bar, barrier".

#include <cstring>

#include "block.h"
#include "checks.h"
#include "describe.h"
#include "emulation/device.h"
#include "emulation/intrinsics.h"

namespace jangle::emulation {
namespace {

void Release(Block& block, Barrier& barrier, const Fiber* running) {
  JoinThreads(barrier.arrived.data(), static_cast<int>(barrier.arrived.size()));
  for (size_t i = barrier.arrived.size(); i-- > 0;) {
    if (barrier.arrived[i] != running) block.Wake(barrier.arrived[i]);
  }
  barrier.arrived.clear();
  barrier.expected = 0;
}

void Wait(Fiber& fiber, Barrier& barrier, const Waiting& waiting) {
  barrier.arrived.push_back(&fiber);
  if (static_cast<int>(barrier.arrived.size()) == barrier.expected) {
    Release(*fiber.block, barrier, &fiber);
  } else {
    fiber.waiting = waiting;
    fiber.block->Park();
  }
}

}  // namespace

void SyncThreads(const char* file, int line) {
  const Call call;
  Fiber& fiber = call.fiber();
  Barrier& barrier = fiber.block->barriers[0];
  if (barrier.arrived.empty()) {
    barrier.file = file;
    barrier.line = line;
  } else if (barrier.line != line ||
             (barrier.file != file && std::strcmp(barrier.file, file) != 0)) {
    Say(Format("a thread is at the __syncthreads of %s:%d while others of its block wait in "
               "that of %s:%d; ",
               file, line, barrier.file, barrier.line) +
        DescribeWaiting(*fiber.block));
    Abandon(cudaErrorLaunchFailure, "barrier divergence");
  }
  barrier.expected = fiber.block->live;
  Wait(fiber, barrier, {"__syncthreads", 0, file, line});
}

// PTX ISA, "bar": no kernel has one yet.
void NamedBarrier(int id, int threads) {
  const Call call;
  Fiber& fiber = call.fiber();
  if (id < 1 || id >= kBarriers || threads < kWarp || threads % kWarp != 0 ||
      threads > fiber.block->threads) {
    Say(
        Format("NamedBarrier(%d, %d) in a block of %d threads: the barriers are 1 to %d, and "
               "whole warps meet there",
               id, threads, fiber.block->threads, kBarriers - 1));
    Abandon(cudaErrorLaunchFailure, "barrier divergence");
  }
  Barrier& barrier = fiber.block->barriers[static_cast<size_t>(id)];
  if (barrier.expected != 0 && barrier.expected != threads) {
    Say(Format("a thread comes to NamedBarrier(%d, %d) while others wait there for %d threads", id,
               threads, barrier.expected));
    Abandon(cudaErrorLaunchFailure, "barrier divergence");
  }
  barrier.expected = threads;
  Wait(fiber, barrier, {"NamedBarrier", static_cast<uint32_t>(id), nullptr, 0});
}

void BarrierThreadExited(Block& block) {
  Barrier& barrier = block.barriers[0];
  if (barrier.arrived.empty()) return;
  barrier.expected = block.live;
  if (static_cast<int>(barrier.arrived.size()) == block.live) Release(block, barrier, nullptr);
}

}  // namespace jangle::emulation
