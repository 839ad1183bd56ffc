#include "error.h"

#include <cstdarg>
#include <cstdio>

namespace jangle {
namespace {

thread_local char last_error[1024] = "";

}  // namespace

int32_t Fail(int32_t status, const char* format, ...) {
  va_list args;
  va_start(args, format);
  std::vsnprintf(last_error, sizeof last_error, format, args);
  va_end(args);
  return status;
}

}  // namespace jangle

extern "C" {

int32_t jg_abi_version(void) { return JG_ABI_VERSION; }

const char* jg_last_error(void) { return jangle::last_error; }

}  // extern "C"
