// Status codes with a text. Every ABI function is `return Guard([&] { ... })`: no exception passes.
#pragma once

#include <cstdint>
#include <exception>
#include <new>

#include "jangle.h"

namespace jangle {

// Keeps the text for jg_last_error() of this thread and returns `status`.
__attribute__((format(printf, 2, 3))) int32_t Fail(int32_t status, const char* format, ...);

template <typename Fn>
int32_t Guard(const Fn& fn) noexcept {
  try {
    return fn();
  } catch (const std::bad_alloc&) {
    return Fail(JG_OUT_OF_MEMORY, "out of memory on the host");
  } catch (const std::exception& e) {
    return Fail(JG_INTERNAL, "internal error: %s", e.what());
  } catch (...) {
    return Fail(JG_INTERNAL, "internal error of unknown kind");
  }
}

// Returns from the enclosing function with a text when an argument is not as it must be.
#define JG_REQUIRE(condition, ...)                                             \
  do {                                                                         \
    if (!(condition)) return ::jangle::Fail(JG_INVALID_ARGUMENT, __VA_ARGS__); \
  } while (false)

}  // namespace jangle
