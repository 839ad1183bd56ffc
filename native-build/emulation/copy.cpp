// cp.async and ldmatrix. A copy lands when its thread waits for its group, or exits: until then
// the shared memory holds what it held before.

#include <cstring>

#include "block.h"
#include "checks.h"
#include "describe.h"
#include "emulation/device.h"

namespace jangle::emulation {
namespace {

// Faults unless `bytes` (a power of two) bytes of the launch's shared memory are at `address`,
// aligned to their size.
void CheckShared(const Block& block, const void* address, size_t bytes, const char* what) {
  const uintptr_t offset =
      reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(block.shared);
  if (offset >= block.grid->shared_bytes || bytes > block.grid->shared_bytes - offset) {
    Say(Format("%s of %zu bytes at %p, not in the block's %zu bytes of shared memory (%p)", what,
               bytes, address, block.grid->shared_bytes, static_cast<const void*>(block.shared)));
    Abandon(cudaErrorIllegalAddress, "out of bounds");
  }
  if (offset % bytes != 0) {
    Say(Format("%s of %zu bytes at shared+0x%zx", what, bytes, offset));
    Abandon(cudaErrorMisalignedAddress, "misaligned");
  }
}

void Land(Fiber& fiber, const PendingCopy& copy) {
  std::memcpy(copy.to, copy.bytes, static_cast<size_t>(copy.count));
  CopyLands(fiber, copy);
}

// Lands the oldest `count` copies.
void LandOldest(Fiber& fiber, size_t count) {
  for (size_t i = 0; i < count; i++) Land(fiber, fiber.copies[i]);
  fiber.copies.erase(fiber.copies.begin(), fiber.copies.begin() + static_cast<ptrdiff_t>(count));
}

struct LdmatrixOperands {
  uint32_t* fragment;
  const std::byte* row;
  int matrices;
  bool transposed;
};

void ComputeLdmatrix(void* const* lanes, uint32_t) {
  for (int i = 0; i < static_cast<const LdmatrixOperands*>(lanes[0])->matrices; i++) {
    uint16_t matrix[8][8];
    for (int row = 0; row < 8; row++) {
      std::memcpy(matrix[row], static_cast<const LdmatrixOperands*>(lanes[8 * i + row])->row, 16);
    }
    for (int lane = 0; lane < kWarp; lane++) {
      const auto& mine = *static_cast<const LdmatrixOperands*>(lanes[lane]);
      const int row = lane / 4;
      const int column = 2 * (lane % 4);
      const uint32_t low = mine.transposed ? matrix[column][row] : matrix[row][column];
      const uint32_t high = mine.transposed ? matrix[column + 1][row] : matrix[row][column + 1];
      mine.fragment[i] = low | high << 16;
    }
  }
}

}  // namespace

void CpAsync(void* shared, const void* global, int bytes, int source_bytes) {
  const Call call;
  Fiber& fiber = call.fiber();
  CheckShared(*fiber.block, shared, static_cast<size_t>(bytes), "cp.async");
  if (source_bytes > 0 && reinterpret_cast<uintptr_t>(global) % static_cast<uintptr_t>(bytes)) {
    Say(Format("cp.async of %d bytes from %p", bytes, global));
    Abandon(cudaErrorMisalignedAddress, "misaligned");
  }
  PendingCopy copy;
  copy.to = shared;
  copy.from = global;
  copy.count = bytes;
  copy.source_count = source_bytes;
  CopyStarts(fiber, copy);
  std::memset(copy.bytes, 0, sizeof copy.bytes);
  if (source_bytes > 0) std::memcpy(copy.bytes, global, static_cast<size_t>(source_bytes));
  fiber.copies.push_back(copy);
  fiber.open_copies++;
}

void CpAsyncCommit() {
  const Call call;
  Fiber& fiber = call.fiber();
  fiber.groups.push_back(fiber.open_copies);
  fiber.open_copies = 0;
}

void CpAsyncWait(int newest) {
  const Call call;
  Fiber& fiber = call.fiber();
  const size_t keep = static_cast<size_t>(newest);
  if (fiber.groups.size() <= keep) return;
  const size_t done = fiber.groups.size() - keep;
  size_t copies = 0;
  for (size_t i = 0; i < done; i++) copies += fiber.groups[i];
  LandOldest(fiber, copies);
  fiber.groups.erase(fiber.groups.begin(), fiber.groups.begin() + static_cast<ptrdiff_t>(done));
}

void CpAsyncThreadExited(Fiber& fiber) { LandOldest(fiber, fiber.copies.size()); }

void Ldmatrix(uint32_t* fragment, int matrices, const void* shared_row, bool transposed) {
  const Call call;
  Fiber& fiber = call.fiber();
  if (fiber.lane < 8 * matrices) {
    CheckShared(*fiber.block, shared_row, 16, "ldmatrix");
    SharedRead(fiber, shared_row, 16);
  }
  LdmatrixOperands operands{fragment, static_cast<const std::byte*>(shared_row), matrices,
                            transposed};
  Meet(fiber, 0xffffffffu, ComputeLdmatrix, &operands, "ldmatrix");
}

}  // namespace jangle::emulation
