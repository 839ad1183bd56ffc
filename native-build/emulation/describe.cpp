#include "describe.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "block.h"

namespace jangle::emulation {
namespace {

std::string DescribeWait(const Fiber& fiber) {
  if (fiber.exited) return "exited";
  const Waiting& waiting = fiber.waiting;
  if (waiting.what == nullptr) return "can run";
  std::string text = Format("wait in %s", waiting.what);
  if (std::strcmp(waiting.what, "NamedBarrier") == 0) {
    text += Format(" %u", waiting.detail);
  } else if (std::strcmp(waiting.what, "__syncthreads") != 0) {
    text += Format(" of lanes 0x%08x", waiting.detail);
  }
  if (waiting.file != nullptr) text += Format(" (%s:%d)", waiting.file, waiting.line);
  return text;
}

}  // namespace

std::string Format(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

std::string DescribeWaiting(const Block& block) {
  std::string all;
  int first = 0;
  std::string before;
  for (int i = 0; i <= block.threads; i++) {
    const std::string now =
        i < block.threads ? DescribeWait(block.fibers[static_cast<size_t>(i)]) : std::string();
    if (i > 0 && now != before) {
      if (!all.empty()) all += "; ";
      all += i - 1 == first ? Format("thread %d ", first) : Format("threads %d-%d ", first, i - 1);
      all += before;
      first = i;
    }
    before = now;
  }
  return all;
}

std::string DescribeThread(const Fiber& fiber) {
  return Format("\n  thread (%u, %u, %u)", fiber.thread_idx.x, fiber.thread_idx.y,
                fiber.thread_idx.z);
}

std::string DescribePlace(const Block& block) {
  const dim3& grid = block.grid->grid;
  return Format("\n  block (%u, %u, %u) of a grid of (%u, %u, %u), %d threads\n  kernel ",
                block.index.x, block.index.y, block.index.z, grid.x, grid.y, grid.z,
                block.threads) +
         DescribeCode(reinterpret_cast<uintptr_t>(block.grid->call.kernel));
}

}  // namespace jangle::emulation
