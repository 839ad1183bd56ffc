// Warp collectives: the lanes of a mask meet, the last to come computes for all. Shuffles and votes
// give no order of memory, only __syncwarp does. CUDA C++ Programming Guide, "Warp Vote
// Functions", "Warp Match Functions", "Warp Reduce Functions", "Warp Shuffle Functions".

#include <bit>

#include "block.h"
#include "checks.h"
#include "describe.h"
#include "emulation/intrinsics.h"

namespace jangle::emulation {
namespace {

template <typename Function>
void ForLanes(uint32_t mask, Function function) {
  for (uint32_t left = mask; left != 0; left &= left - 1) function(std::countr_zero(left));
}

const char* NameOf(Shuffle mode) {
  switch (mode) {
    case Shuffle::kIndex:
      return "__shfl_sync";
    case Shuffle::kUp:
      return "__shfl_up_sync";
    case Shuffle::kDown:
      return "__shfl_down_sync";
    case Shuffle::kXor:
      return "__shfl_xor_sync";
  }
  return "a shuffle";
}

struct ShuffleOperands {
  Shuffle mode;
  uint64_t value;
  uint32_t operand;
  int width;
  uint64_t result;
  int absent = -1;  // the source lane, if it is not among the lanes that came
};

// The source lane, or the lane itself where the source lies outside of its segment of `width`.
int SourceLane(const ShuffleOperands& operands, int lane) {
  const int width = operands.width;
  const int first = lane & ~(width - 1);
  const int last = first + width - 1;
  const int operand = static_cast<int>(operands.operand & 31u);
  int source = lane;
  switch (operands.mode) {
    case Shuffle::kIndex:
      return first | (operand & (width - 1));
    case Shuffle::kUp:
      source = lane - operand;
      return source < first ? lane : source;
    case Shuffle::kDown:
      source = lane + operand;
      return source > last ? lane : source;
    case Shuffle::kXor:
      source = lane ^ operand;
      return source > last ? lane : source;
  }
  return lane;
}

void ComputeShuffle(void* const* lanes, uint32_t mask) {
  const int first = std::countr_zero(mask);
  const auto& firsts = *static_cast<const ShuffleOperands*>(lanes[first]);
  ForLanes(mask, [&](int lane) {
    auto& mine = *static_cast<ShuffleOperands*>(lanes[lane]);
    if (mine.mode != firsts.mode || mine.width != firsts.width) {
      Say(Format("lane %d is at %s of width %d, lane %d at %s of width %d", first,
                 NameOf(firsts.mode), firsts.width, lane, NameOf(mine.mode), mine.width));
      Abandon(cudaErrorLaunchFailure, "warp divergence");
    }
    const int source = SourceLane(mine, lane);
    if ((mask >> source & 1u) == 0) {
      mine.absent = source;
    } else {
      mine.result = static_cast<const ShuffleOperands*>(lanes[source])->value;
    }
  });
}

struct VoteOperands {
  bool predicate;
  uint32_t result;
};

void ComputeBallot(void* const* lanes, uint32_t mask) {
  uint32_t ballot = 0;
  ForLanes(mask, [&](int lane) {
    if (static_cast<const VoteOperands*>(lanes[lane])->predicate) ballot |= 1u << lane;
  });
  ForLanes(mask, [&](int lane) { static_cast<VoteOperands*>(lanes[lane])->result = ballot; });
}

struct MatchOperands {
  uint64_t value;
  uint32_t result;
};

void ComputeMatch(void* const* lanes, uint32_t mask) {
  ForLanes(mask, [&](int lane) {
    auto& mine = *static_cast<MatchOperands*>(lanes[lane]);
    mine.result = 0;
    ForLanes(mask, [&](int other) {
      if (static_cast<const MatchOperands*>(lanes[other])->value == mine.value) {
        mine.result |= 1u << other;
      }
    });
  });
}

struct ReduceOperands {
  Reduce operation;
  uint32_t value;
  uint32_t result;
};

const char* NameOf(Reduce operation) {
  switch (operation) {
    case Reduce::kAdd:
      return "__reduce_add_sync";
    case Reduce::kMinSigned:
      return "__reduce_min_sync of int";
    case Reduce::kMinUnsigned:
      return "__reduce_min_sync of unsigned";
    case Reduce::kMaxSigned:
      return "__reduce_max_sync of int";
    case Reduce::kMaxUnsigned:
      return "__reduce_max_sync of unsigned";
  }
  return "a reduction";
}

uint32_t Combine(Reduce operation, uint32_t a, uint32_t b) {
  const bool less_signed = static_cast<int32_t>(a) < static_cast<int32_t>(b);
  switch (operation) {
    case Reduce::kAdd:
      return a + b;
    case Reduce::kMinSigned:
      return less_signed ? a : b;
    case Reduce::kMinUnsigned:
      return a < b ? a : b;
    case Reduce::kMaxSigned:
      return less_signed ? b : a;
    case Reduce::kMaxUnsigned:
      return a < b ? b : a;
  }
  return 0;
}

void ComputeReduce(void* const* lanes, uint32_t mask) {
  const int first = std::countr_zero(mask);
  const auto& firsts = *static_cast<const ReduceOperands*>(lanes[first]);
  uint32_t result = firsts.value;
  ForLanes(mask & (mask - 1), [&](int lane) {
    const auto& mine = *static_cast<const ReduceOperands*>(lanes[lane]);
    if (mine.operation != firsts.operation) {
      Say(Format("lane %d is at %s, lane %d at %s", first, NameOf(firsts.operation), lane,
                 NameOf(mine.operation)));
      Abandon(cudaErrorLaunchFailure, "warp divergence");
    }
    result = Combine(mine.operation, result, mine.value);
  });
  ForLanes(mask, [&](int lane) { static_cast<ReduceOperands*>(lanes[lane])->result = result; });
}

void ComputeSyncWarp(void* const* lanes, uint32_t mask) {
  Fiber* fibers[kWarp];
  int count = 0;
  ForLanes(mask, [&](int lane) { fibers[count++] = static_cast<Fiber*>(lanes[lane]); });
  JoinThreads(fibers, count);
}

std::string LanesText(const char* what, uint32_t mask) {
  return Format("%s of lanes 0x%08x", what, mask);
}

}  // namespace

void Meet(Fiber& fiber, uint32_t mask, Collective compute, void* operands, const char* what,
          const char* file, int line) {
  Warp& warp = *fiber.warp;
  const uint32_t bit = 1u << fiber.lane;
  if ((mask & bit) == 0) {
    Say(LanesText(what, mask) +
        Format(" was called by lane %d, which is not one of them", fiber.lane));
    Abandon(cudaErrorLaunchFailure, "warp divergence");
  }
  if ((mask & ~warp.live) != 0) {
    Say(LanesText(what, mask) +
        Format(": lanes 0x%08x of them have exited or do not exist", mask & ~warp.live));
    Abandon(cudaErrorLaunchFailure, "exited lane");
  }
  warp.lanes[static_cast<size_t>(fiber.lane)] = operands;
  Rendezvous* meeting = nullptr;
  for (int i = 0; i < warp.open; i++) {
    if (warp.rendezvous[static_cast<size_t>(i)].mask == mask) {
      meeting = &warp.rendezvous[static_cast<size_t>(i)];
    }
  }
  if (meeting == nullptr) {
    meeting = &warp.rendezvous[static_cast<size_t>(warp.open++)];
    *meeting = {mask, 0, compute, what};
  } else if (meeting->compute != compute) {
    Say(Format("lane %d is at %s while others wait for it in ", fiber.lane, what) +
        LanesText(meeting->what, mask));
    Abandon(cudaErrorLaunchFailure, "warp divergence");
  }
  meeting->arrived |= bit;
  if (meeting->arrived != mask) {
    fiber.waiting = {what, mask, file, line};
    fiber.block->Park();
    return;
  }
  *meeting = warp.rendezvous[static_cast<size_t>(--warp.open)];
  compute(warp.lanes.data(), mask);
  for (uint32_t left = mask & ~bit; left != 0;) {
    const int lane = 31 - std::countl_zero(left);
    left &= ~(1u << lane);
    fiber.block->Wake(warp.first + lane);
  }
}

void WarpThreadExited(Fiber& fiber) {
  const Warp& warp = *fiber.warp;
  for (int i = 0; i < warp.open; i++) {
    const Rendezvous& meeting = warp.rendezvous[static_cast<size_t>(i)];
    if ((meeting.mask >> fiber.lane & 1u) != 0) {
      Say(Format("lane %d exits while others wait for it in ", fiber.lane) +
          LanesText(meeting.what, meeting.mask));
      Abandon(cudaErrorLaunchFailure, "exited lane");
    }
  }
}

void SyncWarp(uint32_t mask, const char* file, int line) {
  const Call call;
  Fiber& fiber = call.fiber();
  Meet(fiber, mask, ComputeSyncWarp, &fiber, "__syncwarp", file, line);
}

uint64_t ShuffleSync(Shuffle mode, uint32_t mask, uint64_t value, uint32_t operand, int width) {
  const Call call;
  Fiber& fiber = call.fiber();
  if (width < 1 || width > kWarp || (width & (width - 1)) != 0) {
    Say(Format("a shuffle of width %d: widths are powers of two up to 32", width));
    Abandon(cudaErrorLaunchFailure, "warp divergence");
  }
  ShuffleOperands operands{mode, value, operand, width, 0};
  Meet(fiber, mask, ComputeShuffle, &operands, "a shuffle");
  if (operands.absent >= 0) {
    Say(LanesText("a shuffle", mask) +
        Format(" reads lane %d, which is not one of them", operands.absent));
    Abandon(cudaErrorLaunchFailure, "warp divergence");
  }
  return operands.result;
}

uint32_t BallotSync(uint32_t mask, bool predicate) {
  const Call call;
  VoteOperands operands{predicate, 0};
  Meet(call.fiber(), mask, ComputeBallot, &operands, "a vote");
  return operands.result;
}

uint32_t MatchAnySync(uint32_t mask, uint64_t value) {
  const Call call;
  MatchOperands operands{value, 0};
  Meet(call.fiber(), mask, ComputeMatch, &operands, "__match_any_sync");
  return operands.result;
}

uint32_t ReduceSync(Reduce operation, uint32_t mask, uint32_t value) {
  const Call call;
  ReduceOperands operands{operation, value, 0};
  Meet(call.fiber(), mask, ComputeReduce, &operands, "a reduction");
  return operands.result;
}

}  // namespace jangle::emulation
