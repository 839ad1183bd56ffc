#include "shadow.h"

#include <link.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace jangle::emulation {
namespace {

void* ReserveZeros(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

// Gives the pages that lie wholly in the range back; they read as zeros then.
void Forget(void* from, size_t bytes) {
  constexpr uintptr_t kPage = 4096;
  const uintptr_t first = (reinterpret_cast<uintptr_t>(from) + kPage - 1) & ~(kPage - 1);
  const uintptr_t last = (reinterpret_cast<uintptr_t>(from) + bytes) & ~(kPage - 1);
  if (last > first) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

struct Range {
  uintptr_t address;
  size_t bytes;
  bool found = false;
};

int FindConstant(dl_phdr_info* info, size_t, void* data) {
  Range& range = *static_cast<Range*>(data);
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    const bool constant =
        (header.p_type == PT_LOAD && (header.p_flags & PF_W) == 0) || header.p_type == PT_GNU_RELRO;
    const uintptr_t start = info->dlpi_addr + header.p_vaddr;
    if (constant && range.address >= start &&
        range.address + range.bytes <= start + header.p_memsz) {
      range.found = true;
      return 1;
    }
  }
  return 0;
}

}  // namespace

bool DeviceShadow::Reserve(uintptr_t base, size_t bytes) {
  states_ = static_cast<DeviceBytes*>(ReserveZeros(bytes));
  cells_ = static_cast<Cell*>(ReserveZeros(bytes / kCellBytes * sizeof(Cell)));
  if (states_ == nullptr || cells_ == nullptr) return false;
  base_ = base;
  bytes_ = bytes;
  return true;
}

void DeviceShadow::Mark(uintptr_t address, size_t bytes, DeviceBytes state) {
  std::memset(StateOf(address), static_cast<int>(state), bytes);
  if (state == DeviceBytes::kNone) {
    Forget(StateOf(address), bytes);
    Forget(&CellOf(address), bytes / kCellBytes * sizeof(Cell));
  }
}

void SharedShadow::BeginBlock(uintptr_t address, size_t shared_bytes) {
  base = address;
  bytes = shared_bytes;
  states.assign(shared_bytes, SharedByte::kUnwritten);
  cells.assign((shared_bytes + kCellBytes - 1) / kCellBytes, {});
}

bool InConstantData(uintptr_t address, size_t bytes) {
  Range range{address, bytes};
  dl_iterate_phdr(FindConstant, &range);
  return range.found;
}

}  // namespace jangle::emulation
