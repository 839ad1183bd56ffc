// Words for the reports: who, where, and which function.
#pragma once

#include <cstdint>
#include <string>

namespace jangle::emulation {

struct Block;
struct Fiber;

__attribute__((format(printf, 1, 2))) std::string Format(const char* format, ...);

// "threads 0-15 wait in __syncthreads (matmul.cu:40); ..."
std::string DescribeWaiting(const Block& block);
// "\n  thread (3, 0, 0)"
std::string DescribeThread(const Fiber& fiber);
// "\n  block (0, 0, 0) of a grid of (1, 1, 1), 128 threads\n  kernel ..."
std::string DescribePlace(const Block& block);
// The function that an address of code lies in, with the offset, such as
// "jangle::Kernel(float*)+0x12 (libjangle_cudasim.so+0x1234)". Reads the symbol table of the file.
std::string DescribeCode(uintptr_t address);

}  // namespace jangle::emulation
