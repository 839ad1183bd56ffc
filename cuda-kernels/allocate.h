// Memory of the GPU and pinned memory of the host. A failure names how much was asked for.
#pragma once

#include <cstddef>
#include <cstdint>

namespace jangle {

// What the memory holds means nothing. To be given back by cudaFree.
int32_t AllocateDevice(void** memory, size_t bytes);

// What the memory holds means nothing. To be given back by cudaFreeHost.
int32_t AllocatePinned(void** memory, size_t bytes);

}  // namespace jangle
