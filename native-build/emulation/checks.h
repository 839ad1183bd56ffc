// Memory checks, done where the kernels were compiled with instrumentation; otherwise these return
// at once. A fault found here ends the block (Abandon).
#pragma once

#include <cstddef>
#include <cstdint>

namespace jangle::emulation {

struct Block;
struct Fiber;
struct Grid;
struct PendingCopy;

// Whether instrumented code was loaded.
extern bool checked;

void BeginLaunch(const Grid& grid);
void BeginBlock(Block& block);
// What the threads did before is now ordered before what any of them does next.
void JoinThreads(Fiber* const* fibers, int count);
void FenceAccesses(Fiber& fiber, bool whole_device);
void AtomicAccess(Fiber& fiber, const void* address, size_t bytes);
void SharedRead(Fiber& fiber, const void* address, size_t bytes);
// Reads the source and marks the destination.
void CopyStarts(Fiber& fiber, const PendingCopy& copy);
void CopyLands(Fiber& fiber, const PendingCopy& copy);

// An access by instrumented code at `code`, in a kernel or not.
void PlainAccess(const void* address, size_t bytes, bool write, bool aligned, const void* code);
// An access through a pointer to a type of a larger alignment, seen before it happens.
void MisalignedPointer(const void* address, size_t alignment, const char* file, unsigned line);

enum class DeviceBytes : uint8_t { kNone, kAllocated, kWritten };
// Tells the checks what a range of device memory holds now.
void MarkDevice(const void* address, size_t bytes, DeviceBytes state);
// A range now holds what another did, be it written or not.
void CopyMarks(void* to, const void* from, size_t bytes);

}  // namespace jangle::emulation
