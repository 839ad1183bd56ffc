#include "checks.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>

#include "block.h"
#include "describe.h"
#include "device.h"
#include "shadow.h"

namespace jangle::emulation {

bool checked = false;

namespace {

struct Checks {
  Clocks clocks;
  History device_history{clocks};
  History shared_history{clocks};
  SharedShadow shared;
};

// Blocks take turns in the checked build, so their checks are never run side by side.
Checks& TheChecks() {
  static Checks& checks = *new Checks;
  return checks;
}

Checks& all = TheChecks();

// Asked by instrumented code from the program's start on, before constructors have run.
constinit DeviceShadow device;

struct Request {
  uintptr_t address;
  size_t bytes;
  Access access;
  uintptr_t code;
};

const char* Verb(Access access) {
  switch (access) {
    case Access::kRead:
      return "read";
    case Access::kWrite:
      return "write";
    case Access::kAtomic:
      return "atomic";
  }
  return "access";
}

std::string Place(uintptr_t address) {
  if (device.Contains(address)) return DescribeDeviceAddress(address);
  const size_t offset = address - all.shared.base;
  if (offset < all.shared.bytes) return Format("shared+0x%zx", offset);
  return offset < kMaxSharedBytes
             ? Format("shared+0x%zx, behind the %zu bytes launched", offset, all.shared.bytes)
             : Format("%p, which is no memory of the device", reinterpret_cast<void*>(address));
}

std::string Describe(const Request& request) {
  return Format("%s of %zu bytes at ", Verb(request.access), request.bytes) +
         Place(request.address) +
         (request.code != 0 ? "\n  in " + DescribeCode(request.code) : std::string());
}

[[noreturn]] void Fail(cudaError_t error, const char* kind, const Request& request) {
  Say(Describe(request));
  Abandon(error, kind);
}

[[noreturn]] void FailRace(const Fiber& fiber, const Request& request, uintptr_t at,
                           const Conflict& conflict) {
  const dim3& size = fiber.block->grid->block;
  const uint32_t thread = conflict.stamp.thread;
  Say(Describe(request));
  Say(Format("\n  is not ordered after the %s of %s by thread (%u, %u, %u)", conflict.what,
             Place(at).c_str(), thread % size.x, thread / size.x % size.y,
             thread / size.x / size.y));
  if (conflict.stamp.run != all.clocks.run()) {
    const uint3 block = all.clocks.BlockOf(conflict.stamp.run);
    Say(Format(" of block (%u, %u, %u)", block.x, block.y, block.z));
  }
  if (conflict.site != 0 && request.code != 0) {
    Say("\n  in " + DescribeCode((request.code & ~uintptr_t{0xffffffff}) | conflict.site));
  }
  Abandon(cudaErrorLaunchFailure, "race");
}

template <typename CellAt>
void RecordCells(History& history, const Fiber& fiber, const Request& request, CellAt cell_at) {
  const uintptr_t end = request.address + request.bytes;
  const uint32_t site = static_cast<uint32_t>(request.code);
  for (uintptr_t word = request.address / kCellBytes * kCellBytes; word < end; word += kCellBytes) {
    const uintptr_t from = std::max(word, request.address);
    const uintptr_t to = std::min(word + kCellBytes, end);
    const unsigned mask = ((1u << (to - from)) - 1) << (from - word);
    Conflict conflict;
    if (!history.Record(cell_at(word), mask, request.access, fiber.index, site, &conflict)) {
      FailRace(fiber, request, from, conflict);
    }
  }
}

void SharedAccess(const Fiber& fiber, const Request& request) {
  SharedShadow& shadow = all.shared;
  const size_t offset = request.address - shadow.base;
  if (request.bytes > shadow.bytes - offset) {
    Fail(cudaErrorIllegalAddress, "out of bounds", request);
  }
  SharedByte* states = &shadow.states[offset];
  for (size_t i = 0; i < request.bytes; i++) {
    if (states[i] == SharedByte::kWritten) continue;
    if (states[i] == SharedByte::kPending) {
      Fail(cudaErrorLaunchFailure, request.access == Access::kRead ? "read before wait" : "race",
           request);
    }
    if (request.access != Access::kWrite) {
      Fail(cudaErrorLaunchFailure, "uninitialised shared read", request);
    }
    states[i] = SharedByte::kWritten;
  }
  RecordCells(all.shared_history, fiber, request, [&](uintptr_t word) -> Cell& {
    return shadow.cells[(word - shadow.base) / kCellBytes];
  });
}

void DeviceAccess(const Fiber& fiber, const Request& request) {
  DeviceBytes* states = device.StateOf(request.address);
  for (size_t i = 0; i < request.bytes; i++) {
    if (states[i] == DeviceBytes::kWritten) continue;
    if (states[i] == DeviceBytes::kNone) {
      Fail(cudaErrorIllegalAddress, "out of bounds", request);
    }
    if (request.access != Access::kWrite) {
      Fail(cudaErrorLaunchFailure, "uninitialised global read", request);
    }
    states[i] = DeviceBytes::kWritten;
  }
  RecordCells(all.device_history, fiber, request,
              [](uintptr_t word) -> Cell& { return device.CellOf(word); });
}

// Memory that is neither shared nor the device's.
void OtherAccess(const Fiber& fiber, const Request& request) {
  const KernelCall& call = fiber.block->grid->call;
  const uintptr_t closure = reinterpret_cast<uintptr_t>(call.closure);
  if (request.access == Access::kRead) {
    if (request.address >= closure &&
        request.address + request.bytes <= closure + call.closure_bytes) {
      return;
    }
    if (InConstantData(request.address, request.bytes)) return;
  }
  if (InHostAllocation(reinterpret_cast<const void*>(request.address), request.bytes)) return;
  Fail(cudaErrorIllegalAddress, "out of bounds", request);
}

void KernelAccess(const Fiber& fiber, const Request& request) {
  if (request.address - all.shared.base < all.shared.bytes) {
    SharedAccess(fiber, request);
  } else if (device.Contains(request.address)) {
    DeviceAccess(fiber, request);
  } else if (request.address - reinterpret_cast<uintptr_t>(fiber.context.stack_low) >=
             fiber.context.stack_bytes) {
    OtherAccess(fiber, request);
  }
}

void HostAccess(const Request& request) {
  if (!device.Contains(request.address) || StickyError() != cudaSuccess) return;
  const DeviceLock lock;
  Report(cudaErrorIllegalAddress, "out of bounds", "host code: " + Describe(request));
}

}  // namespace

void PlainAccess(const void* address, size_t bytes, bool write, bool aligned, const void* code) {
  const Request request{reinterpret_cast<uintptr_t>(address), bytes,
                        write ? Access::kWrite : Access::kRead, reinterpret_cast<uintptr_t>(code)};
  const Fiber* fiber = Current();
  if (fiber == nullptr) {
    HostAccess(request);
    return;
  }
  if (fiber->in_runtime) return;
  const Call call;
  if (aligned && request.address % bytes != 0) {
    Fail(cudaErrorMisalignedAddress, "misaligned", request);
  }
  KernelAccess(*fiber, request);
}

void MisalignedPointer(const void* address, size_t alignment, const char* file, unsigned line) {
  if (Current() == nullptr || Current()->in_runtime) return;
  const Call call;
  Say("access at " + Place(reinterpret_cast<uintptr_t>(address)) +
      Format("; that is no multiple of %zu\n  in %s:%u", alignment, file, line));
  Abandon(cudaErrorMisalignedAddress, "misaligned");
}

void BeginLaunch(const Grid& grid) {
  if (!checked) return;
  all.clocks.BeginLaunch(static_cast<int>(grid.block.x * grid.block.y * grid.block.z));
  all.device_history.BeginLaunch();
}

void BeginBlock(Block& block) {
  if (!checked) return;
  all.clocks.BeginBlock(block.index);
  all.device_history.BeginBlock(false);
  all.shared_history.BeginBlock(true);
  all.shared.BeginBlock(reinterpret_cast<uintptr_t>(block.shared), block.grid->shared_bytes);
}

void JoinThreads(Fiber* const* fibers, int count) {
  if (!checked) return;
  int threads[kMaxThreads];
  for (int i = 0; i < count; i++) threads[i] = fibers[i]->index;
  all.clocks.Join(threads, count);
}

void FenceAccesses(Fiber& fiber, bool whole_device) {
  if (checked) all.clocks.Fence(fiber.index, whole_device);
}

void AtomicAccess(Fiber& fiber, const void* address, size_t bytes) {
  if (!checked) return;
  const Request request{reinterpret_cast<uintptr_t>(address), bytes, Access::kAtomic,
                        reinterpret_cast<uintptr_t>(fiber.block->grid->call.kernel)};
  if (request.address % bytes != 0) {
    Fail(cudaErrorMisalignedAddress, "misaligned", request);
  }
  KernelAccess(fiber, request);
  all.clocks.Atomic(fiber.index, request.address, !device.Contains(request.address));
}

void SharedRead(Fiber& fiber, const void* address, size_t bytes) {
  if (!checked) return;
  KernelAccess(fiber, {reinterpret_cast<uintptr_t>(address), bytes, Access::kRead,
                       reinterpret_cast<uintptr_t>(fiber.block->grid->call.kernel)});
}

void CopyStarts(Fiber& fiber, const PendingCopy& copy) {
  if (!checked) return;
  const uintptr_t code = reinterpret_cast<uintptr_t>(fiber.block->grid->call.kernel);
  const uintptr_t to = reinterpret_cast<uintptr_t>(copy.to);
  const size_t bytes = static_cast<size_t>(copy.count);
  if (copy.source_count > 0) {
    KernelAccess(fiber, {reinterpret_cast<uintptr_t>(copy.from),
                         static_cast<size_t>(copy.source_count), Access::kRead, code});
  }
  // From now on until it lands, nobody else may touch the destination.
  KernelAccess(fiber, {to, bytes, Access::kWrite, code});
  std::fill_n(&all.shared.states[to - all.shared.base], bytes, SharedByte::kPending);
}

void CopyLands(Fiber& fiber, const PendingCopy& copy) {
  if (!checked) return;
  const uintptr_t code = reinterpret_cast<uintptr_t>(fiber.block->grid->call.kernel);
  const uintptr_t to = reinterpret_cast<uintptr_t>(copy.to);
  const size_t bytes = static_cast<size_t>(copy.count);
  std::fill_n(&all.shared.states[to - all.shared.base], bytes, SharedByte::kWritten);
  KernelAccess(fiber, {to, bytes, Access::kWrite, code});
  if (!std::equal(copy.bytes, copy.bytes + copy.source_count,
                  static_cast<const std::byte*>(copy.from))) {
    Fail(cudaErrorLaunchFailure, "race",
         {reinterpret_cast<uintptr_t>(copy.from), static_cast<size_t>(copy.source_count),
          Access::kWrite, code});
  }
}

void MarkDevice(const void* address, size_t bytes, DeviceBytes state) {
  if (!checked) return;
  if (device.bytes() == 0 && !device.Reserve(DeviceArena().base, DeviceArena().bytes)) {
    Report(cudaErrorMemoryAllocation, "no memory",
           "for the shadow of device memory; the checks need its address space");
    return;
  }
  device.Mark(reinterpret_cast<uintptr_t>(address), bytes, state);
}

void CopyMarks(void* to, const void* from, size_t bytes) {
  if (!checked) return;
  std::memmove(device.StateOf(reinterpret_cast<uintptr_t>(to)),
               device.StateOf(reinterpret_cast<uintptr_t>(from)), bytes);
}

}  // namespace jangle::emulation
